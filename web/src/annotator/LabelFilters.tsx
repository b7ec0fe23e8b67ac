import { colorOf, type LayerState, type ModelInfoResponse, type PredictionLayer } from "@/prediction-layer";
import { percentText } from "./format";

interface Props {
  layer: PredictionLayer;
  state: LayerState;
  model: ModelInfoResponse;
}

export function LabelFilters({ layer, state, model }: Props) {
  const labels = model.model_info.label_names.filter((name) => name !== "O");
  return (
    <>
      <table className="labels">
        <caption className="unseen">Labels of the model</caption>
        <thead>
          <tr>
            <th scope="col">Label</th>
            <th scope="col">Precision</th>
            <th scope="col">Recall</th>
          </tr>
        </thead>
        <tbody>
          {labels.map((name) => (
            <tr key={name}>
              <th scope="row">
                <label className="choice">
                  <input
                    type="checkbox"
                    checked={!state.filters.hidden.has(name)}
                    onChange={(event) => layer.showLabel(name, event.target.checked)}
                  />
                  <span className="swatch" style={{ background: colorOf(name, model.label_config) }} /> {name}
                </label>
              </th>
              <td>{percentText(model.metrics.per_class[name]?.precision)}</td>
              <td>{percentText(model.metrics.per_class[name]?.recall)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="hint">
        Solid: predicted. Dashed (…): later candles may change it. Hatched (◇): the model was trained on these candles,
        and models that had not seen them said this. Crossed (◆): it was trained on them and says this itself; read with
        caution. Grey strip below: too little history.
      </p>
    </>
  );
}
