export { attachLayer } from "./attach";
export { createClient, ServiceError, type ModelChoice, type PredictionClient } from "./client";
export { disagreements, HUMAN_SOURCES, isJudged, type Disagreement, type HumanSpan } from "./disagreements";
export { confirmed, corrected, dismissed, type Feedback, type Judged } from "./feedback";
export { colorOf, type Band, type Filters, type Look, type Run } from "./filters";
export { PredictionLayer, type LayerOptions, type LayerState, type ServiceState } from "./layer";
export { modelKey } from "./predicting";
export * from "./types";
export { usePredictionLayer } from "./use-prediction-layer";
