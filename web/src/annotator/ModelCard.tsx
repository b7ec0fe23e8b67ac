import type { LayerState, ModelChoice, PredictionLayer } from "@/prediction-layer";
import { momentText, percentText } from "./format";

const ALIAS = "alias:";

function choiceOf(value: string): ModelChoice {
  return value.startsWith(ALIAS) ? { alias: value.slice(ALIAS.length) } : { version: value };
}

export function ModelCard({ layer, state }: { layer: PredictionLayer; state: LayerState }) {
  if (state.model === null) return null;
  const { model_info: info, metrics } = state.model;
  return (
    <div>
      <dl className="facts">
        <dt>Model</dt>
        <dd>{info.model_name}</dd>
        <dt>Version</dt>
        <dd>{info.model_version}</dd>
        <dt>Type</dt>
        <dd>{info.model_type}</dd>
        <dt>F1 macro</dt>
        <dd>{percentText(metrics.f1_macro)}</dd>
        <dt>Trained</dt>
        <dd>{momentText(info.trained_at)}</dd>
      </dl>
      {state.models.length > 0 && (
        <label className="wide">
          Serve version
          <select value={info.model_version} onChange={(event) => void layer.loadModel(choiceOf(event.target.value))}>
            {state.models.map((model) => (
              <option key={model.version} value={model.version}>
                {[model.version, model.model_type, momentText(model.trained_at), ...model.aliases].join(" · ")}
              </option>
            ))}
            {state.models.flatMap(({ aliases, version }) =>
              aliases.map((alias) => (
                <option key={alias} value={ALIAS + alias}>
                  follow {alias} (now {version})
                </option>
              )),
            )}
          </select>
        </label>
      )}
    </div>
  );
}
