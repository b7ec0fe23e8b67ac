/** What is stored when somebody judges a prediction. */
import type { HumanSpan } from "./disagreements";
import type { Run } from "./filters";
import { NO_PATTERN } from "./types";

export interface JudgedFields {
  label: string;
  source: "model_confirmed" | "model_corrected";
  model_prediction: { label: string; confidence: number; model_version: string };
}

/** What is judged of a prediction. */
export type Judged = Pick<Run, "label" | "start" | "end" | "confidence">;

/** A new span, or the fields of an annotation that change. */
export type Feedback =
  | { kind: "create"; fields: JudgedFields & { start_time: number; end_time: number } }
  | { kind: "change"; id: number; fields: JudgedFields };

/** The prediction is right. Where an annotation says otherwise, that one takes the predicted label. */
export function confirmed(run: Judged, modelVersion: string, human: HumanSpan | null): Feedback {
  return stored(run, human, { label: run.label, source: "model_confirmed", ...told(run, modelVersion) });
}

/** There is a pattern, but of another label. */
export function corrected(run: Judged, modelVersion: string, human: HumanSpan | null, label: string): Feedback {
  if (label === run.label) return confirmed(run, modelVersion, human);
  return stored(run, human, { label, source: "model_corrected", ...told(run, modelVersion) });
}

/** The prediction is wrong: nothing is there, or what the annotation says. */
export function dismissed(run: Judged, modelVersion: string, human: HumanSpan | null): Feedback {
  const label = human?.label ?? NO_PATTERN;
  return stored(run, human, { label, source: "model_corrected", ...told(run, modelVersion) });
}

function stored(run: Judged, human: HumanSpan | null, fields: JudgedFields): Feedback {
  if (human !== null) return { kind: "change", id: human.id, fields };
  return { kind: "create", fields: { ...fields, start_time: run.start, end_time: run.end } };
}

function told(run: Judged, modelVersion: string): Pick<JudgedFields, "model_prediction"> {
  return { model_prediction: { label: run.label, confidence: run.confidence, model_version: modelVersion } };
}
