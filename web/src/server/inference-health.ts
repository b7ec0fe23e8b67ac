/** Whether the inference service can predict. */
import { ask, explanation, UNAVAILABLE } from "./inference";

const TIMEOUT = 4000;

export interface InferenceHealth {
  status: "ready" | "degraded" | "not_ready" | "unavailable";
  detail: string;
}

const AWAY: InferenceHealth = { status: "unavailable", detail: UNAVAILABLE };

export async function inferenceHealth(gone: AbortSignal): Promise<InferenceHealth> {
  try {
    const answer = await ask("/ready", { method: "GET" }, AbortSignal.any([gone, AbortSignal.timeout(TIMEOUT)]));
    return answer.status === 200 ? told(JSON.parse(answer.text)) : { status: "not_ready", detail: explanation(answer) };
  } catch {
    return AWAY;
  }
}

function told(content: { status?: string; checks?: { ok: boolean; name: string; detail: string }[] }): InferenceHealth {
  if (content.status === "ready") return { status: "ready", detail: "predicts" };
  if (content.status !== "degraded") return AWAY;
  const failing = (content.checks ?? []).filter((check) => !check.ok).map((check) => `${check.name}: ${check.detail}`);
  return { status: "degraded", detail: failing.join("; ") };
}
