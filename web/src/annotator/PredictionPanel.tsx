import type { LayerState, PredictionLayer } from "@/prediction-layer";
import type { Desk } from "./desk";
import { LabelFilters } from "./LabelFilters";
import { ModelCard } from "./ModelCard";

interface Props {
  desk: Desk;
  state: LayerState;
  hasCandles: boolean;
}

export function PredictionPanel({ desk, state, hasCandles }: Props) {
  const { layer } = desk;
  const usable = state.service === "ready";
  return (
    <section aria-labelledby="predictions">
      <h2 id="predictions">Predictions</h2>
      <Banner state={state} layer={layer} />
      <fieldset disabled={!usable} className="plain">
        <legend className="unseen">Prediction controls</legend>
        {state.model !== null && <ModelCard layer={layer} state={state} />}
        <div className="bar">
          <button type="button" className="primary" disabled={!hasCandles} onClick={() => void layer.predictVisible()}>
            Run on visible
          </button>
          <button type="button" disabled={!hasCandles} onClick={() => void layer.predictAll()}>
            Predict all
          </button>
          <label className="choice">
            <input type="checkbox" checked={state.auto} onChange={(event) => layer.setAuto(event.target.checked)} />
            Auto-predict
          </label>
        </div>
        <Threshold layer={layer} state={state} />
        {state.model !== null && <LabelFilters layer={layer} state={state} model={state.model} />}
      </fieldset>
      <p role="status" className="hint">
        {summary(state)}
      </p>
      {state.error !== null && (
        <p role="alert" className="problem">
          {state.error}
        </p>
      )}
    </section>
  );
}

function Banner({ state, layer }: { state: LayerState; layer: PredictionLayer }) {
  if (state.service === "ready") return state.serviceDetail === "" ? null : <p className="hint">{state.serviceDetail}</p>;
  const text = {
    checking: "Looking for the inference service…",
    no_model: `No model is served: ${state.serviceDetail}.`,
    failing: `${state.serviceDetail}. Annotating goes on; predictions come back once that is put right.`,
    offline: `${state.serviceDetail}. Annotating goes on; predictions come back by themselves.`,
  }[state.service];
  return (
    <div role="status" className="banner">
      {text}
      <button type="button" onClick={() => void layer.refresh()}>
        Try again
      </button>
    </div>
  );
}

function Threshold({ layer, state }: { layer: PredictionLayer; state: LayerState }) {
  const { threshold, ownThresholds } = state.filters;
  return (
    <>
      <label className="wide slider">
        Threshold {threshold.toFixed(2)}
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={threshold}
          disabled={ownThresholds}
          onChange={(event) => layer.setThreshold(Number(event.target.value))}
        />
      </label>
      <label className="choice">
        <input
          type="checkbox"
          checked={ownThresholds}
          onChange={(event) => layer.useOwnThresholds(event.target.checked)}
        />
        Thresholds of the model
      </label>
    </>
  );
}

function summary({ progress, prediction, runs, bands }: LayerState): string {
  if (progress !== null) return progress.total === 0 ? "Predicting…" : `Predicting… ${progress.done} of ${progress.total}`;
  if (prediction === null) return "Nothing is predicted yet.";
  const without = prediction.rows.filter((row) => row.status === "insufficient_history").length;
  const shown = bands.filter((band) => band.label !== null).length;
  const told = `${prediction.rows.length} candles predicted: ${runs.length} patterns in ${shown} stretches.`;
  return without > 0 ? `${told} ${without} candles have too little history.` : told;
}
