import { NO_PATTERN, type LayerState, type QuestionedLabel } from "@/prediction-layer";
import type { AnnotationsState } from "./annotations";
import type { Desk } from "./desk";
import { percentText, timeText } from "./format";
import { GuideStatus } from "./GuideStatus";
import { Jump } from "./Jump";
import { SimilarList } from "./SimilarList";
import { useStore } from "./use-store";

const MOST_LISTED = 20;
const MOST_NAMED = 3;

interface Props {
  desk: Desk;
  stored: AnnotationsState;
  layer: LayerState;
}

/** `stored` is what the list depends on. */
export function QuestionPanel({ desk, stored, layer }: Props) {
  const { guide } = desk;
  const { told } = useStore(guide);
  useStore(desk);
  const [all, current] = [guide.questions(), guide.currentQuestion()];
  return (
    <section aria-labelledby="questions">
      <h2 id="questions">Labels to check ({all.length})</h2>
      <div className="bar">
        <Jump disabled={all.length === 0} onGo={() => guide.walkQuestions()}>
          Next label
        </Jump>
        <button type="button" disabled={current === undefined} onClick={() => void guide.keep()}>
          Keep
        </button>
        <button type="button" disabled={current === undefined} onClick={() => void guide.relabel()}>
          Take the likely label
        </button>
      </div>
      <div className="steady">
        {told === null && <GuideStatus desk={desk} hasChart={stored.chart !== null} layer={layer} />}
        {told !== null && all.length === 0 && <p className="hint">No label on this chart looks wrong.</p>}
        <ul className="plain list" aria-label="Labels to check">
          {all.slice(0, MOST_LISTED).map((each) => (
            <li key={each.id}>
              <Jump pressed={each === current} onGo={() => guide.goToQuestion(each)}>
                {named(each.label)}, likely {named(each.likely_label)}, doubt {percentText(each.doubt)}
                <br />
                {timeText(each.start_time)} to {timeText(each.end_time)}
              </Jump>
            </li>
          ))}
        </ul>
      </div>
      <Evidence desk={desk} question={current} />
    </section>
  );
}

function Evidence({ desk, question }: { desk: Desk; question: QuestionedLabel | undefined }) {
  if (question === undefined) return <p className="evidence hint">Go to a label to see what it is like.</p>;
  const { likely_label, probabilities, similar } = question;
  const told = Object.entries(probabilities).sort(([, left], [, right]) => right - left);
  const most = told.slice(0, MOST_NAMED).map(([name, share]) => `${named(name)} ${percentText(share)}`);
  return (
    <div className="evidence">
      <p>Models that had not seen it: {most.join(", ")}</p>
      <SimilarList desk={desk} name={`Annotated ${likely_label} like it`} similar={similar} />
    </div>
  );
}

function named(label: string): string {
  return label === NO_PATTERN ? "nothing" : label;
}
