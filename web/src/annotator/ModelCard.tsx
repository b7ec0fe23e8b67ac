import type { LayerState, ModelChoice, ModelInfoResponse, PredictionLayer, RegisteredModel } from "@/prediction-layer";
import { momentText, percentText } from "./format";
import { StoredChoice, type Option } from "./StoredChoice";

const ALIAS = "alias:";

export function ModelCard({ layer, state }: { layer: PredictionLayer; state: LayerState }) {
  if (state.model === null) return null;
  const { model_info: info, metrics, follows } = state.model;
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
        {follows !== undefined && (
          <>
            <dt>Follows</dt>
            <dd>{follows ?? "nothing: pinned"}</dd>
          </>
        )}
      </dl>
      {state.models.length > 0 && (
        <div className="choosing">
          <StoredChoice
            name="Serve version"
            value={servedBy(state.model)}
            options={optionsOf(state.models)}
            button="Serve"
            onStore={(value) => layer.loadModel(choiceOf(value))}
          />
        </div>
      )}
    </div>
  );
}

function servedBy({ model_info, follows }: ModelInfoResponse): string {
  return typeof follows === "string" ? ALIAS + follows : model_info.model_version;
}

function choiceOf(value: string): ModelChoice {
  return value.startsWith(ALIAS) ? { alias: value.slice(ALIAS.length) } : { version: value };
}

function optionsOf(models: readonly RegisteredModel[]): Option[] {
  const versions = models.map(({ version, model_type, trained_at, aliases }) => ({
    value: version,
    text: [version, model_type, momentText(trained_at), ...aliases].join(" · "),
  }));
  const followed = models.flatMap(({ aliases, version }) =>
    aliases.map((alias) => ({ value: ALIAS + alias, text: `follow ${alias} (now ${version})` })),
  );
  return [...versions, ...followed];
}
