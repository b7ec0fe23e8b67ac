import { POINT_LABELS } from "@/data/types";
import type { AnnotationsState } from "./annotations";
import type { Desk, Mode } from "./desk";
import { named, namesOf, Options } from "./StoredChoice";
import { useStore } from "./use-store";

const MODES: readonly [Mode, string, string][] = [
  ["browse", "View", "v"],
  ["spans", "Spans", "s"],
  ["points", "Points", "p"],
  ["reviewed", "Mark reviewed", "m"],
  ["judge", "Judge", "j"],
];

const HINTS: Record<Mode, string> = {
  browse: "Drag to move, click to select",
  spans: "Drag over the candles, or click the first and the last",
  points: "Click a candle",
  reviewed: "Drag over what is finished, or click its first and last candle",
  judge: "Click a prediction to store it; with Shift, Alt or Ctrl to dismiss it",
};

export function ModeBar({ desk, stored }: { desk: Desk; stored: AnnotationsState }) {
  const { mode } = useStore(desk);
  return (
    <div className="bar" role="toolbar" aria-label="Annotating">
      <fieldset className="segments">
        <legend className="unseen">Mode</legend>
        {MODES.map(([value, name, key]) => (
          <label key={value} title={`Key ${key} on the chart`}>
            <input type="radio" name="mode" checked={mode === value} onChange={() => desk.setMode(value)} />
            {name}
          </label>
        ))}
      </fieldset>
      <Labels desk={desk} stored={stored} />
      <button type="button" disabled={!stored.canUndo} onClick={() => void desk.annotations.undo()}>
        Undo
      </button>
      <button type="button" disabled={!stored.canRedo} onClick={() => void desk.annotations.redo()}>
        Redo
      </button>
      <span className="hint">{HINTS[mode]}</span>
    </div>
  );
}

function Labels({ desk, stored }: { desk: Desk; stored: AnnotationsState }) {
  const { mode, activeLabel, pointLabel, judgeAs } = useStore(desk);
  const names = namesOf(stored.labels);
  if (mode === "points") {
    const choose = (value: string) => desk.set({ pointLabel: value });
    return <Choice name="Point label" value={pointLabel} options={[...POINT_LABELS, ...names]} onChoose={choose} />;
  }
  if (mode === "judge") {
    const choose = (value: string) => desk.set({ judgeAs: value });
    return <Choice name="Store as" value={judgeAs} options={["", ...names]} empty="as predicted" onChoose={choose} />;
  }
  return (
    <Choice name="Label" value={activeLabel} options={names} onChoose={(value) => desk.set({ activeLabel: value })} />
  );
}

interface ChoiceProps {
  name: string;
  value: string;
  options: readonly string[];
  empty?: string;
  onChoose: (value: string) => void;
}

/** Sets what the next annotation will be; nothing is stored. */
function Choice({ name, value, options, empty, onChoose }: ChoiceProps) {
  return (
    <label>
      {name}
      <select value={value} onChange={(event) => onChoose(event.target.value)}>
        <Options options={named(options, empty)} />
      </select>
    </label>
  );
}
