import type { AnnotationsState } from "./annotations";
import type { Desk } from "./desk";
import { colorOfSpan } from "./drawing";
import { timeText } from "./format";
import type { Kind } from "./history";
import { useStore } from "./use-store";

const MOST_LISTED = 300;

interface Item {
  kind: Kind;
  id: number;
  time: number;
  text: string;
  color: string;
}

export function AnnotationPanel({ desk, stored }: { desk: Desk; stored: AnnotationsState }) {
  const { selected } = useStore(desk);
  const items = itemsOf(stored);
  const lines = stored.points.filter((point) => point.geometry !== null).length;
  return (
    <details>
      <summary>Annotations ({items.length})</summary>
      <ul className="plain list" aria-label="Annotations">
        {items.slice(0, MOST_LISTED).map((item) => (
          <li key={`${item.kind} ${item.id}`}>
            <button
              type="button"
              aria-pressed={selected?.kind === item.kind && selected.id === item.id}
              onClick={() => desk.select(item.kind, item.id)}
            >
              <span className="swatch" style={{ background: item.color }} /> {item.text}
            </button>
          </li>
        ))}
      </ul>
      {items.length > MOST_LISTED && <p className="hint">The newest {MOST_LISTED} are listed.</p>}
      {lines > 0 && <p className="hint">{lines} drawn lines are kept and not shown: a line is no label.</p>}
    </details>
  );
}

/** Everything on the chart, newest first. */
function itemsOf({ spans, points, ranges, labels }: AnnotationsState): Item[] {
  const items: Item[] = [
    ...spans.map((span) => ({
      kind: "span" as const,
      id: span.id,
      time: span.start_time,
      text: `${span.label} ${timeText(span.start_time)} to ${timeText(span.end_time)}`,
      color: colorOfSpan(span, labels),
    })),
    ...points
      .filter((point) => point.geometry === null)
      .map(({ id, timestamp, label_type }) => ({
        kind: "point" as const,
        id,
        time: timestamp,
        text: `${label_type} ${timeText(timestamp)}`,
        color: "#37474f",
      })),
    ...ranges.map(({ id, start_time, end_time }) => ({
      kind: "range" as const,
      id,
      time: start_time,
      text: `reviewed ${timeText(start_time)} to ${timeText(end_time)}`,
      color: "#2e7d32",
    })),
  ];
  return items.sort((left, right) => right.time - left.time);
}
