/** The person's own annotations that are like a predicted pattern. */
import type { Run } from "./filters";
import type { Prediction, PredictionSpan, SimilarSpan } from "./types";

/**
 * Those of the span that the served model itself predicts where the run is: a run that is stored out of fold, or was cut
 * at an edge, may have other ends. Nothing where it predicts no such label there.
 */
export function similarTo(run: Run, { spans }: Prediction): readonly SimilarSpan[] {
  const alike = spans.filter((span) => span.label === run.label && shared(run, span) > 0);
  alike.sort((left, right) => shared(run, right) - shared(run, left));
  return alike[0]?.similar ?? [];
}

/** The part of both times together that is in both. */
function shared(run: Run, { start_time, end_time }: PredictionSpan): number {
  const both = Math.min(run.end, end_time) - Math.max(run.start, start_time) + 1;
  return both / (Math.max(run.end, end_time) - Math.min(run.start, start_time) + 1);
}
