import { NO_PATTERN, type Outcome, type Span, type SpanLabelType } from "@/data/types";
import type { Desk } from "./desk";
import { percentText, timeText } from "./format";
import { named, namesOf, StoredChoice } from "./StoredChoice";
import { useStore } from "./use-store";

const CONFIDENCES = ["", "1", "2", "3", "4", "5"];
const OUTCOMES = ["", "win", "loss", "breakeven"];
const PROGRAMS = ["model", "talib", "programmatic"];

interface Props {
  desk: Desk;
  span: Span;
  labels: readonly SpanLabelType[];
}

export function SpanEditor({ desk, span, labels }: Props) {
  const change = (fields: Partial<Span>) => desk.annotations.changeSpan(span.id, fields);
  return (
    <div className="editor">
      <p>
        {timeText(span.start_time)} to {timeText(span.end_time)}, source {span.source}
        {span.model_prediction !== null &&
          `, model ${span.model_prediction.model_version} said ${span.model_prediction.label} ` +
            `(${percentText(span.model_prediction.confidence)})`}
      </p>
      <StoredChoice
        name="Span label"
        value={span.label}
        options={named([...namesOf(labels), NO_PATTERN])}
        onStore={(label) => desk.relabel(span.id, label)}
      />
      {!PROGRAMS.includes(span.source) && (
        <StoredChoice
          name="Confidence"
          value={span.confidence === null ? "" : String(span.confidence)}
          options={named(CONFIDENCES)}
          onStore={(value) => change({ confidence: value === "" ? null : Number(value) })}
        />
      )}
      <StoredChoice
        name="Outcome"
        value={span.outcome ?? ""}
        options={named(OUTCOMES)}
        onStore={(value) => change({ outcome: value === "" ? null : (value as Outcome) })}
      />
      <NotesField desk={desk} span={span} />
      <Ends desk={desk} span={span} />
    </div>
  );
}

function NotesField({ desk, span }: { desk: Desk; span: Span }) {
  const { typed } = useStore(desk.notes);
  return (
    <label>
      Notes
      <textarea
        value={typed.get(span.id) ?? span.notes ?? ""}
        maxLength={10_000}
        onChange={(event) => desk.notes.type(span.id, event.target.value)}
        onBlur={() => void desk.notes.store(span.id)}
      />
    </label>
  );
}

function Ends({ desk, span }: { desk: Desk; span: Span }) {
  const moves = [
    ["Start earlier", "start_time", -1],
    ["Start later", "start_time", 1],
    ["End earlier", "end_time", -1],
    ["End later", "end_time", 1],
  ] as const;
  return (
    <div className="bar">
      {moves.map(([name, end, by]) => (
        <button key={name} type="button" onClick={() => void desk.moveEnd(span.id, end, by)}>
          {name}
        </button>
      ))}
    </div>
  );
}
