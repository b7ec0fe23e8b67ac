/** Draws the layer: bands behind the candles; in front of them a triangle and a tag at the start of each run. */
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
import type { Band, Run } from "./filters";
import { drawTriangle, Tags } from "./markers";
import { countBefore } from "./times";

export const BAND_OPACITY = 0.15;

const STRIP_HEIGHT = 6;
const NO_HISTORY_COLOR = "#9e9e9e";

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
    } else if (band.look === "in_sample" || band.look === "out_of_fold") {
      context.fillStyle = this.hatching(context, color, band.look === "in_sample") ?? color;
      context.globalAlpha = 2 * BAND_OPACITY;
      context.fillRect(x, 0, width, height);
    } else {
      context.globalAlpha = BAND_OPACITY;
      context.fillRect(x, 0, width, height);
      if (band.look === "provisional") strokeDashed(context, x, width, height);
    }
    context.restore();
  }

  /** Diagonal lines of a colour, rising or, crossed, falling as well. */
  private hatching(context: CanvasRenderingContext2D, color: string, crossed: boolean): CanvasPattern | null {
    const key = `${color} ${crossed}`;
    const known = this.patterns.get(key);
    if (known !== undefined) return known;
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    if (pen === null) return null;
    pen.strokeStyle = color;
    pen.lineWidth = crossed ? 1.5 : 3;
    pen.beginPath();
    for (const offset of [-8, 0, 8]) {
      pen.moveTo(offset - 1, 9);
      pen.lineTo(offset + 9, -1);
      if (!crossed) continue;
      pen.moveTo(offset - 1, -1);
      pen.lineTo(offset + 9, 9);
    }
    pen.stroke();
    const pattern = context.createPattern(tile, "repeat");
    this.patterns.set(key, pattern);
    return pattern;
  }

  private drawMarkers(target: Target): void {
    const { attachedTo } = this;
    const places = attachedTo === null ? null : new Places(attachedTo.chart);
    if (attachedTo === null || places === null || places.visible === null) return;
    target.useMediaCoordinateSpace(({ context }) => {
      const tags = new Tags(context);
      for (const run of visiblePart(this.view.runs, places.visible)) {
        const [x, color] = [places.center(run.start), this.view.colorOf(run.label)];
        const y = x === null ? null : topOf(attachedTo, x);
        if (x === null || y === null) continue;
        drawTriangle(context, x, y, color, run.look === "ok");
        tags.draw(run, places.extent(run.start, run.end)[0], color);
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

function strokeDashed(context: CanvasRenderingContext2D, x: number, width: number, height: number): void {
  context.globalAlpha = 0.6;
  context.lineWidth = 1;
  context.setLineDash([4, 4]);
  context.strokeRect(x + 0.5, 0.5, Math.max(0, width - 1), height - 1);
}

function paneView(zOrder: SeriesPrimitivePaneViewZOrder, draw: (target: Target) => void): ISeriesPrimitivePaneView {
  return { zOrder: () => zOrder, renderer: () => ({ draw }) };
}
