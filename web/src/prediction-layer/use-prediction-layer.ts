/** The layer in a React component. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { createClient } from "./client";
import { PredictionLayer, type LayerState } from "./layer";

/** A layer that lives as long as the component, and its state; `base` is where the proxy routes are. */
export function usePredictionLayer(base = "/api"): { layer: PredictionLayer; state: LayerState } {
  const [layer] = useState(() => new PredictionLayer({ client: createClient(base) }));
  const state = useSyncExternalStore(layer.subscribe, layer.getState, layer.getState);
  useEffect(() => layer.start(), [layer]);
  return { layer, state };
}
