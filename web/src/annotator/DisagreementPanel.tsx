import type { Disagreement, Run } from "@/prediction-layer";
import type { AnnotationsState } from "./annotations";
import type { Desk } from "./desk";
import { percentText, timeText } from "./format";
import { Jump } from "./Jump";
import { useStore } from "./use-store";

const MOST_LISTED = 200;

interface Props {
  desk: Desk;
  runs: readonly Run[];
  stored: AnnotationsState;
}

/** `runs` and `stored` are what the list depends on. */
export function DisagreementPanel({ desk }: Props) {
  const { focus } = useStore(desk);
  const all = desk.disagreements();
  return (
    <section aria-labelledby="disagreements">
      <h2 id="disagreements">Disagreements ({all.length})</h2>
      <div className="bar">
        <button type="button" disabled={all.length === 0} onClick={() => desk.walk(-1)}>
          Previous
        </button>
        <button type="button" disabled={all.length === 0} onClick={() => desk.walk(1)}>
          Next
        </button>
      </div>
      <ul className="plain list" aria-label="Disagreements">
        {all.slice(0, MOST_LISTED).map((each) => (
          <li key={`${each.run.label} ${each.run.start}`}>
            <Jump pressed={isSame(each.run, focus)} onGo={() => desk.look(each.run)}>
              {textOf(each)}
            </Jump>
          </li>
        ))}
      </ul>
      {all.length > MOST_LISTED && <p className="hint">The first {MOST_LISTED} are listed.</p>}
    </section>
  );
}

function textOf({ kind, run, human }: Disagreement): string {
  const told = `${run.label} ${percentText(run.confidence)} ${timeText(run.start)}`;
  return kind === "missed" ? `Missed: ${told}` : `Mismatch: ${told}, annotated ${human?.label}`;
}

function isSame(run: Run, focus: Run | null): boolean {
  return focus !== null && run.start === focus.start && run.label === focus.label;
}
