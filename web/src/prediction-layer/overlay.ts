/** Draws the layer: bands behind the candles, a marker at the start of each run in front of them. */
import {
  MismatchDirection,
  type CandlestickData,
  type ISeriesPrimitive,
  type ISeriesPrimitivePaneView,
  type SeriesAttachedParameter,
  type SeriesPrimitivePaneViewZOrder,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import type { Band, Look, Run } from "./filters";
import { countBefore } from "./times";

export const BAND_OPACITY = 0.15;

const MARKER_GAP = 8;
const MARKER_WIDTH = 5;
const MARKER_HEIGHT = 8;
const LINE_HEIGHT = 13;
const STRIP_HEIGHT = 6;
const NO_HISTORY_COLOR = "#9e9e9e";
const FONT = "11px system-ui, sans-serif";
const SUFFIXES: Record<Look, string> = { ok: "", provisional: " …", in_sample: " ◇", insufficient_history: "" };

export interface OverlayView {
  bands: readonly Band[];
  runs: readonly Run[];
  colorOf: (label: string) => string;
}

type Target = Parameters<NonNullable<ReturnType<ISeriesPrimitivePaneView["renderer"]>>["draw"]>[0];

export class PredictionOverlay implements ISeriesPrimitive<Time> {
  private view: OverlayView = { bands: [], runs: [], colorOf: () => NO_HISTORY_COLOR };
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private readonly patterns = new Map<string, CanvasPattern | null>();
  private readonly views = [
    paneView("bottom", (target) => this.drawBands(target)),
    paneView("top", (target) => this.drawMarkers(target)),
  ];

  attached(parameters: SeriesAttachedParameter<Time>): void {
    this.attachedTo = parameters;
  }

  detached(): void {
    this.attachedTo = null;
  }

  paneViews(): readonly ISeriesPrimitivePaneView[] {
    return this.views;
  }

  show(view: OverlayView): void {
    this.view = view;
    this.patterns.clear();
    this.attachedTo?.requestUpdate();
  }

  private drawBands(target: Target): void {
    const places = this.attachedTo === null ? null : new Places(this.attachedTo.chart);
    if (places?.visible === null || places === null) return;
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio: ratio }) => {
      for (const band of visiblePart(this.view.bands, places.visible)) {
        const [left, right] = places.extent(band.start, band.end);
        const x = Math.round(left * ratio);
        this.drawBand(context, band, x, Math.round(right * ratio) - x, bitmapSize.height);
      }
    });
  }

  private drawBand(context: CanvasRenderingContext2D, band: Band, x: number, width: number, height: number): void {
    context.save();
    const color = band.label === null ? NO_HISTORY_COLOR : this.view.colorOf(band.label);
    context.fillStyle = color;
    context.strokeStyle = color;
    if (band.look === "insufficient_history") {
      context.globalAlpha = 0.5;
      context.fillRect(x, height - STRIP_HEIGHT, width, STRIP_HEIGHT);
    } else if (band.look === "in_sample") {
      context.fillStyle = this.hatching(context, color) ?? color;
      context.globalAlpha = 2 * BAND_OPACITY;
      context.fillRect(x, 0, width, height);
    } else {
      context.globalAlpha = BAND_OPACITY;
      context.fillRect(x, 0, width, height);
      if (band.look === "provisional") strokeDashed(context, x, width, height);
    }
    context.restore();
  }

  /** Diagonal lines of a colour. */
  private hatching(context: CanvasRenderingContext2D, color: string): CanvasPattern | null {
    const known = this.patterns.get(color);
    if (known !== undefined) return known;
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    if (pen === null) return null;
    pen.strokeStyle = color;
    pen.lineWidth = 3;
    pen.beginPath();
    for (const offset of [-8, 0, 8]) {
      pen.moveTo(offset - 1, 9);
      pen.lineTo(offset + 9, -1);
    }
    pen.stroke();
    const pattern = context.createPattern(tile, "repeat");
    this.patterns.set(color, pattern);
    return pattern;
  }

  private drawMarkers(target: Target): void {
    const { attachedTo } = this;
    const places = attachedTo === null ? null : new Places(attachedTo.chart);
    if (attachedTo === null || places === null || places.visible === null) return;
    target.useMediaCoordinateSpace(({ context }) => {
      context.font = FONT;
      context.textBaseline = "bottom";
      const texts: TextBox[] = [];
      for (const run of visiblePart(this.view.runs, places.visible)) {
        const x = places.center(run.start);
        const y = x === null ? null : topOf(attachedTo, x);
        if (x === null || y === null) continue;
        drawMarker(context, x, Math.max(y, 30), this.view.colorOf(run.label), run.look === "ok");
        drawText(context, markerText(run), x, Math.max(y, 30), texts);
      }
    });
  }
}

/** Where times are on screen. */
class Places {
  readonly visible: { from: number; to: number } | null;
  private readonly halfBar: number;

  constructor(private readonly chart: SeriesAttachedParameter<Time>["chart"]) {
    const range = chart.timeScale().getVisibleRange();
    this.visible = range === null ? null : { from: Number(range.from), to: Number(range.to) };
    this.halfBar = chart.timeScale().options().barSpacing / 2;
  }

  center(time: number): number | null {
    return this.chart.timeScale().timeToCoordinate(time as UTCTimestamp);
  }

  extent(start: number, end: number): [number, number] {
    const [left, right] = [this.center(start) ?? 0, this.center(end) ?? 0];
    return [left - this.halfBar, right + this.halfBar];
  }
}

/** The parts, in order of time, that reach into what is on screen. */
function visiblePart<Part extends { start: number; end: number }>(
  parts: readonly Part[],
  visible: { from: number; to: number } | null,
): Part[] {
  if (visible === null) return [];
  let first = countBefore(parts, visible.from, (part) => part.start);
  while (first > 0 && (parts[first - 1]?.end ?? -Infinity) >= visible.from) first -= 1;
  return parts.slice(first, countBefore(parts, visible.to + 1, (part) => part.start));
}

/** The vertical place of the top of the candle at `x`. */
function topOf({ series, chart }: SeriesAttachedParameter<Time>, x: number): number | null {
  const logical = chart.timeScale().coordinateToLogical(x);
  const bar = logical === null ? null : series.dataByIndex(Math.round(logical), MismatchDirection.NearestLeft);
  return bar ? series.priceToCoordinate((bar as CandlestickData).high) : null;
}

/** A triangle that points at a candle; hollow for what is not plainly predicted. */
function drawMarker(context: CanvasRenderingContext2D, x: number, top: number, color: string, filled: boolean): void {
  const tip = top - MARKER_GAP;
  context.beginPath();
  context.moveTo(x, tip);
  context.lineTo(x - MARKER_WIDTH, tip - MARKER_HEIGHT);
  context.lineTo(x + MARKER_WIDTH, tip - MARKER_HEIGHT);
  context.closePath();
  context.fillStyle = filled ? color : "#ffffff";
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

interface TextBox {
  left: number;
  right: number;
  bottom: number;
}

/** Writes above a marker, unless it would cover one of the texts before. */
function drawText(context: CanvasRenderingContext2D, text: string, x: number, top: number, others: TextBox[]): void {
  const left = Math.max(4, x - MARKER_WIDTH);
  const box = { left, right: left + context.measureText(text).width, bottom: top - MARKER_GAP - MARKER_HEIGHT - 2 };
  const covers = (other: TextBox) =>
    other.right > box.left && other.left < box.right && Math.abs(other.bottom - box.bottom) < LINE_HEIGHT;
  if (others.some(covers)) return;
  others.push(box);
  context.fillStyle = "#263238";
  context.fillText(text, box.left, box.bottom);
}

export function markerText(run: Run): string {
  return `${run.label} ${Math.round(run.confidence * 100)} %${SUFFIXES[run.look]}`;
}

function strokeDashed(context: CanvasRenderingContext2D, x: number, width: number, height: number): void {
  context.globalAlpha = 0.6;
  context.lineWidth = 1;
  context.setLineDash([4, 4]);
  context.strokeRect(x + 0.5, 0.5, Math.max(0, width - 1), height - 1);
}

function paneView(zOrder: SeriesPrimitivePaneViewZOrder, draw: (target: Target) => void): ISeriesPrimitivePaneView {
  return { zOrder: () => zOrder, renderer: () => ({ draw }) };
}
