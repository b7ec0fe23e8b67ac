import { isSameSeries } from "@/data/series";
import { colorOf, type SimilarSpan } from "@/prediction-layer";
import type { Desk } from "./desk";
import { timeText } from "./format";

interface Props {
  desk: Desk;
  name: string;
  similar: readonly SimilarSpan[];
}

/** Annotations, each shown by a click. What they are evidence for stays selected. */
export function SimilarList({ desk, name, similar }: Props) {
  const colors = desk.layer.getState().model?.label_config ?? [];
  const { chart } = desk.annotations.getState();
  return (
    <ul className="plain list" aria-label={name}>
      {similar.map((each) => (
        <li key={`${each.pair} ${each.timeframe} ${each.id}`}>
          <button type="button" onClick={() => void desk.guide.show(each)}>
            <span className="swatch" style={{ background: colorOf(each.label, colors) }} /> {each.label} {timeText(each.start_time)}
            {(chart === null || !isSameSeries(chart, each)) && `, ${each.pair} ${each.timeframe}`}
          </button>
        </li>
      ))}
    </ul>
  );
}
