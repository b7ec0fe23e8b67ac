import { colorOf, type LayerState } from "@/prediction-layer";
import type { AnnotationsState } from "./annotations";
import type { Desk } from "./desk";
import { percentText, timeText } from "./format";
import { GuideStatus } from "./GuideStatus";
import { Jump } from "./Jump";
import { useStore } from "./use-store";

const MOST_LISTED = 20;

const WHY = { uncertain: "uncertain", explore: "unlike anything annotated" };

interface Props {
  desk: Desk;
  stored: AnnotationsState;
  layer: LayerState;
}

/** `stored` is what the list depends on. */
export function SuggestionPanel({ desk, stored, layer }: Props) {
  const { guide } = desk;
  const { told } = useStore(guide);
  useStore(desk);
  const [all, current] = [guide.suggestions(), guide.currentSuggestion()];
  return (
    <section aria-labelledby="suggestions">
      <h2 id="suggestions">Annotate next ({all.length})</h2>
      <div className="bar">
        <Jump disabled={all.length === 0} onGo={() => guide.walkSuggestions()}>
          Next suggestion
        </Jump>
        <button type="button" disabled={current === undefined} onClick={() => void desk.storeSelection(current?.label)}>
          Annotate as suggested
        </button>
        <button type="button" disabled={current === undefined} onClick={() => void desk.markReviewed()}>
          Mark reviewed
        </button>
      </div>
      <div className="steady">
        {told === null && <GuideStatus desk={desk} hasChart={stored.chart !== null} layer={layer} />}
        {told !== null && all.length === 0 && <p className="hint">Nothing is left to suggest: train again for more.</p>}
        <ul className="plain list" aria-label="Annotate next">
          {all.slice(0, MOST_LISTED).map((each) => (
            <li key={`${each.start_time} ${each.end_time}`}>
              <Jump pressed={each === current} onGo={() => guide.goTo(each)}>
                <span className="swatch" style={{ background: colorOf(each.label, layer.model?.label_config ?? []) }} />{" "}
                {each.label} {percentText(each.confidence)}, {WHY[each.why]}
                <br />
                {timeText(each.start_time)} to {timeText(each.end_time)}
              </Jump>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
