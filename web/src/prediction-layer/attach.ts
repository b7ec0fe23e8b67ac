/** Puts a layer on a lightweight-charts candlestick series. */
import type { IChartApi, ISeriesApi, Range, Time } from "lightweight-charts";
import { colorOf } from "./filters";
import type { PredictionLayer } from "./layer";
import { PredictionOverlay } from "./overlay";

/** Draws what the layer holds and tells it what is on screen; returns what takes the layer off again. */
export function attachLayer(layer: PredictionLayer, chart: IChartApi, series: ISeriesApi<"Candlestick">): () => void {
  const overlay = new PredictionOverlay();
  series.attachPrimitive(overlay);
  const draw = () => {
    const { bands, runs, model } = layer.getState();
    overlay.show({ bands, runs, colorOf: (label) => colorOf(label, model?.label_config ?? []) });
  };
  const follow = (range: Range<Time> | null) =>
    layer.viewChanged(range === null ? null : { start: Number(range.from), end: Number(range.to) });
  const unsubscribe = layer.subscribe(draw);
  chart.timeScale().subscribeVisibleTimeRangeChange(follow);
  follow(chart.timeScale().getVisibleRange());
  draw();
  return () => {
    unsubscribe();
    chart.timeScale().unsubscribeVisibleTimeRangeChange(follow);
    series.detachPrimitive(overlay);
  };
}
