import type { LayerState } from "@/prediction-layer";
import type { Desk } from "./desk";
import { useStore } from "./use-store";

interface Props {
  desk: Desk;
  hasChart: boolean;
  layer: LayerState;
}

/** Why the model says nothing of the chart, and what to do. */
export function GuideStatus({ desk, hasChart, layer }: Props) {
  const { problem } = useStore(desk.guide);
  if (problem === "") return <p className="hint">{hasChart ? reason(layer) : "Upload or open a chart first."}</p>;
  return (
    <p className="hint">
      {problem}{" "}
      <button type="button" onClick={() => void desk.guide.ask()}>
        Ask again
      </button>
    </p>
  );
}

function reason({ model, service }: LayerState): string {
  if (model !== null) return "Asking the model…";
  return {
    checking: "Looking for the inference service…",
    ready: "Asking the model…",
    no_model: "No model is served: annotate some patterns of each label, then run candle-ml train.",
    failing: "The inference service fails; what to do is said under Predictions.",
    offline: "The inference service does not answer: start it, and this fills by itself.",
  }[service];
}
