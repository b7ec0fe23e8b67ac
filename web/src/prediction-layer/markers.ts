/** What marks the start of a run: a triangle above its first candle, and a tag with label and confidence on its band. */
import type { Look, Run } from "./filters";

const TRIANGLE_GAP = 6;
const TRIANGLE_HALF = 5;
const TRIANGLE_HEIGHT = 8;
const TAG_HEIGHT = 17;
const TAG_PADDING = 5;
const TAG_ROWS = 4;
const TAGS_TOP = 8;
const FONT = "11px system-ui, sans-serif";
const TEXT_COLOR = "#1f2933";
const SUFFIXES: Record<Look, string> = {
  ok: "",
  provisional: " …",
  out_of_fold: " ◇",
  in_sample: " ◆",
  insufficient_history: "",
};

/** Points at a candle whose top is at `y`; hollow for what is not plainly predicted. */
export function drawTriangle(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  color: string,
  filled: boolean,
): void {
  const tip = Math.max(y - TRIANGLE_GAP, TRIANGLE_HEIGHT + 1);
  context.beginPath();
  context.moveTo(x, tip);
  context.lineTo(x - TRIANGLE_HALF, tip - TRIANGLE_HEIGHT);
  context.lineTo(x + TRIANGLE_HALF, tip - TRIANGLE_HEIGHT);
  context.closePath();
  context.fillStyle = filled ? color : "#ffffff";
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

/** The tags of one frame, drawn from left to right: in the first row with room, else left out. */
export class Tags {
  private readonly ends: number[] = new Array<number>(TAG_ROWS).fill(-Infinity);

  constructor(private readonly context: CanvasRenderingContext2D) {
    context.font = FONT;
    context.textBaseline = "middle";
  }

  draw(run: Run, bandLeft: number, color: string): void {
    const left = Math.max(2, bandLeft);
    const row = this.ends.findIndex((end) => end < left);
    if (row < 0) return;
    const { context } = this;
    const text = `${run.label} ${Math.round(run.confidence * 100)} %${SUFFIXES[run.look]}`;
    const width = context.measureText(text).width + 2 * TAG_PADDING + 3;
    const top = TAGS_TOP + row * (TAG_HEIGHT + 2);
    this.ends[row] = left + width + 2;
    context.fillStyle = "rgba(255, 255, 255, 0.9)";
    context.fillRect(left, top, width, TAG_HEIGHT);
    context.fillStyle = color;
    context.fillRect(left, top, 3, TAG_HEIGHT);
    context.fillStyle = TEXT_COLOR;
    context.fillText(text, left + TAG_PADDING + 3, top + TAG_HEIGHT / 2 + 0.5);
  }
}
