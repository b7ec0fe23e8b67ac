/** The chart: candles, both overlays, and the mouse. */
import {
  ColorType,
  createChart,
  CrosshairMode,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import type { Candle } from "@/data/types";
import { attachLayer } from "@/prediction-layer";
import { AnnotationOverlay } from "./annotation-overlay";
import { onClicks } from "./clicks";
import type { Desk } from "./desk";
import { drawingOf } from "./drawing";
import { pricePrecision } from "./format";
import { StretchDrawing, type Places } from "./stretch-drawing";

const OPTIONS = {
  autoSize: true,
  layout: { background: { type: ColorType.Solid, color: "#ffffff" }, textColor: "#52606d", fontFamily: "system-ui, sans-serif" },
  grid: { vertLines: { visible: false }, horzLines: { color: "#eef1f4" } },
  rightPriceScale: { borderColor: "#dde3ea", scaleMargins: { top: 0.16, bottom: 0.08 } },
  crosshair: { mode: CrosshairMode.Normal },
  timeScale: { borderColor: "#dde3ea", timeVisible: true, secondsVisible: false, minBarSpacing: 0.05 },
};

/** Room behind the last candle. */
const FREE_CANDLES = 3;

const CANDLE_COLORS = {
  upColor: "#b0bec5",
  downColor: "#455a64",
  borderUpColor: "#455a64",
  borderDownColor: "#455a64",
  wickUpColor: "#455a64",
  wickDownColor: "#455a64",
};

export class ChartView implements Places {
  readonly chart: IChartApi;
  readonly series: ISeriesApi<"Candlestick">;
  private readonly overlay = new AnnotationOverlay();
  private candles: readonly Candle[] = [];
  private cursor: number | null = null;
  private draggable = true;
  private readonly stretch: StretchDrawing;
  private readonly undo: (() => void)[];

  constructor(
    private readonly container: HTMLElement,
    private readonly desk: Desk,
  ) {
    this.chart = createChart(container, OPTIONS);
    this.series = this.chart.addCandlestickSeries(CANDLE_COLORS);
    const detach = attachLayer(desk.layer, this.chart, this.series);
    this.series.attachPrimitive(this.overlay);
    this.stretch = new StretchDrawing(desk, container, this);
    const clicks = onClicks(container, (event) => this.clicked(event));
    const update = () => this.update();
    this.undo = [detach, clicks, desk.subscribe(update), desk.annotations.subscribe(update), () => this.stretch.remove()];
    this.update();
  }

  remove(): void {
    for (const step of this.undo) step();
    this.chart.remove();
  }

  candleOf(event: MouseEvent): number | null {
    const { left, top } = this.container.getBoundingClientRect();
    const [x, y, scale] = [event.clientX - left, event.clientY - top, this.chart.timeScale()];
    const inside = x >= 0 && x <= scale.width() && y >= 0 && y <= this.container.clientHeight - scale.height();
    return inside ? this.nearestCandle(event) : null;
  }

  nearestCandle(event: MouseEvent): number | null {
    const [x, scale] = [event.clientX - this.container.getBoundingClientRect().left, this.chart.timeScale()];
    const logical = scale.coordinateToLogical(Math.max(0, Math.min(scale.width(), x)));
    if (logical === null || this.candles.length === 0) return null;
    return Math.max(0, Math.min(this.candles.length - 1, Math.round(logical)));
  }

  private clicked(event: MouseEvent): void {
    const index = this.candleOf(event);
    if (index === null) return;
    const { mode } = this.desk.getState();
    const modified = event.altKey || event.ctrlKey || event.shiftKey || event.metaKey;
    if (mode === "browse") this.desk.pick(index);
    if (mode === "judge") void this.desk.judgeAt(index, modified);
  }

  private update(): void {
    const stored = this.desk.annotations.getState();
    const desk = this.desk.getState();
    if (stored.candles !== this.candles) this.showCandles(stored.candles);
    this.letDrag(desk.mode === "browse" || desk.mode === "judge");
    const { cursor } = desk;
    // Under a pressed mouse the chart stays where it is.
    if (cursor !== this.cursor && cursor !== null && !this.stretch.isPressed) this.reveal(cursor);
    this.cursor = cursor;
    this.overlay.show(drawingOf(stored, desk, this.desk.selection()));
  }

  /** Whether dragging moves the chart; in the other modes it draws a stretch. */
  private letDrag(free: boolean): void {
    if (free === this.draggable) return;
    this.draggable = free;
    this.chart.applyOptions({ handleScroll: { pressedMouseMove: free, horzTouchDrag: free } });
  }

  private showCandles(candles: readonly Candle[]): void {
    this.candles = candles;
    this.series.setData(candles.map((candle) => ({ ...candle, time: candle.time as UTCTimestamp })));
    const precision = pricePrecision(candles);
    this.series.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    this.chart.timeScale().setVisibleLogicalRange({ from: candles.length - 200, to: candles.length + FREE_CANDLES });
  }

  /** Moves a candle into sight; one that was out of it to the middle, but for the last ones. */
  private reveal(index: number): void {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (range === null || (index >= range.from + 1 && index <= range.to - 1)) return;
    const width = range.to - range.from;
    const to = Math.min(index + width / 2, this.candles.length + FREE_CANDLES);
    this.chart.timeScale().setVisibleLogicalRange({ from: to - width, to });
  }
}
