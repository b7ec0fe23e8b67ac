/** Callers that declare candle rows as `{time, label, confidence}` cannot take a null label: they get no such rows. */

/** What to do with an answer of the service: nothing for a caller that asks for `?rows=all`. */
export function rowsFor(request: Request): ((answer: unknown) => unknown) | undefined {
  return new URL(request.url).searchParams.get("rows") === "all" ? undefined : withoutNullLabels;
}

function withoutNullLabels(answer: unknown): unknown {
  if (!isObject(answer)) return answer;
  const { candles, results } = answer;
  if (Array.isArray(results)) return { ...answer, results: results.map(withoutNullLabels) };
  if (!Array.isArray(candles)) return answer;
  return { ...answer, candles: candles.filter((row) => !isObject(row) || row["label"] !== null) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
