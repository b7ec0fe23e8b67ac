/** Whether the inference service can predict. */
import { ask, UNAVAILABLE } from "./inference";

const TIMEOUT = 4000;

export interface InferenceHealth {
  status: "ready" | "degraded" | "not_ready" | "unavailable";
  detail: string;
}

export async function inferenceHealth(gone: AbortSignal): Promise<InferenceHealth> {
  try {
    const answer = await ask("/ready", { method: "GET" }, AbortSignal.any([gone, AbortSignal.timeout(TIMEOUT)]));
    return answer.status === 200 ? ready(JSON.parse(answer.text)) : notReady(answer.status, answer.text);
  } catch {
    return { status: "unavailable", detail: UNAVAILABLE };
  }
}

function ready(content: { status?: string; checks?: { ok: boolean; name: string; detail: string }[] }): InferenceHealth {
  const failing = (content.checks ?? []).filter((check) => !check.ok).map((check) => `${check.name}: ${check.detail}`);
  if (content.status !== "degraded") return { status: "ready", detail: "predicts" };
  return { status: "degraded", detail: failing.join("; ") };
}

function notReady(status: number, text: string): InferenceHealth {
  const { detail } = JSON.parse(text) as { detail?: string };
  return { status: "not_ready", detail: detail ?? `Inference service answers ${status}` };
}
