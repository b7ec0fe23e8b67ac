/** Draws what people have annotated, and what the user is about to annotate. */
import type {
  ISeriesPrimitive,
  ISeriesPrimitivePaneView,
  Logical,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";
import type { IndexRange } from "./places";

export interface DrawnSpan extends IndexRange {
  label: string;
  color: string;
  low: number;
  high: number;
  selected: boolean;
}

export interface DrawnPoint {
  index: number;
  label: string;
  low: number;
  high: number;
  selected: boolean;
}

/** Indices are those of the candles. */
export interface Drawing {
  /** In order of their first candle. */
  spans: readonly DrawnSpan[];
  points: readonly DrawnPoint[];
  reviewed: readonly IndexRange[];
  selection: IndexRange | null;
  focus: IndexRange | null;
}

type Target = Parameters<NonNullable<ReturnType<ISeriesPrimitivePaneView["renderer"]>>["draw"]>[0];
type Box = [left: number, top: number, width: number, height: number];

const EMPTY: Drawing = { spans: [], points: [], reviewed: [], selection: null, focus: null };
const SELECTION_COLOR = "rgba(30, 136, 229, 0.18)";
const REVIEWED_COLOR = "rgba(46, 125, 50, 0.7)";
const FOCUS_COLOR = "#263238";
const FONT = "600 11px system-ui, sans-serif";

export class AnnotationOverlay implements ISeriesPrimitive<Time> {
  private drawing = EMPTY;
  private attachedTo: SeriesAttachedParameter<Time> | null = null;
  private readonly views: readonly ISeriesPrimitivePaneView[] = [
    { zOrder: () => "top", renderer: () => ({ draw: (target: Target) => this.draw(target) }) },
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

  show(drawing: Drawing): void {
    this.drawing = drawing;
    this.attachedTo?.requestUpdate();
  }

  private draw(target: Target): void {
    const { attachedTo, drawing } = this;
    const visible = attachedTo?.chart.timeScale().getVisibleLogicalRange() ?? null;
    if (attachedTo === null || visible === null) return;
    const seen = (range: IndexRange) => range.last >= visible.from && range.first <= visible.to;
    target.useMediaCoordinateSpace(({ context, mediaSize: { height } }) => {
      context.font = FONT;
      for (const range of drawing.reviewed.filter(seen)) fill(context, REVIEWED_COLOR, this.box(range, 0, 4));
      if (drawing.selection !== null) fill(context, SELECTION_COLOR, this.box(drawing.selection, 0, height));
      for (const span of drawing.spans.filter(seen)) this.drawSpan(context, span);
      for (const point of drawing.points) {
        if (seen({ first: point.index, last: point.index })) this.drawPoint(context, point);
      }
      if (drawing.focus !== null) {
        context.strokeStyle = FOCUS_COLOR;
        context.lineWidth = 2;
        context.strokeRect(...this.box(drawing.focus, 1, height - 2));
      }
    });
  }

  private drawSpan(context: CanvasRenderingContext2D, span: DrawnSpan): void {
    const [top, bottom] = [this.price(span.high) - 6, this.price(span.low) + 6];
    context.strokeStyle = span.color;
    context.lineWidth = span.selected ? 3 : 1.5;
    context.setLineDash(span.label === "O" ? [4, 3] : []);
    context.strokeRect(...this.box(span, top, bottom - top));
    context.setLineDash([]);
    context.fillStyle = span.color;
    context.textBaseline = "top";
    context.fillText(span.label, Math.max(4, this.box(span, 0, 0)[0]), bottom + 3);
  }

  private drawPoint(context: CanvasRenderingContext2D, point: DrawnPoint): void {
    const x = this.center(point.index);
    const above = point.label.includes("down");
    const tip = above ? this.price(point.high) - 4 : this.price(point.low) + 4;
    const back = above ? -10 : 10;
    context.fillStyle = above ? "#c62828" : "#2e7d32";
    context.beginPath();
    context.moveTo(x, tip);
    context.lineTo(x - 6, tip + back);
    context.lineTo(x + 6, tip + back);
    context.fill();
    context.textBaseline = above ? "bottom" : "top";
    context.fillText(point.label, x + 8, tip + back);
    if (point.selected) {
      context.strokeStyle = FOCUS_COLOR;
      context.lineWidth = 2;
      context.strokeRect(x - 8, Math.min(tip, tip + back) - 2, 16, 14);
    }
  }

  private box(range: IndexRange, top: number, height: number): Box {
    const half = (this.attachedTo?.chart.timeScale().options().barSpacing ?? 0) / 2;
    const left = this.center(range.first) - half;
    return [left, top, this.center(range.last) + half - left, height];
  }

  private center(index: number): number {
    return this.attachedTo?.chart.timeScale().logicalToCoordinate(index as Logical) ?? 0;
  }

  private price(value: number): number {
    return this.attachedTo?.series.priceToCoordinate(value) ?? 0;
  }
}

function fill(context: CanvasRenderingContext2D, color: string, box: Box): void {
  context.fillStyle = color;
  context.fillRect(...box);
}

