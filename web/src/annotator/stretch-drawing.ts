/** Stretches by mouse: one drag, or a click at each end. Points are one click. */
import { isFar } from "./clicks";
import type { Desk, Mode } from "./desk";

const DRAWING_MODES: readonly Mode[] = ["spans", "reviewed", "points"];

/** What the chart knows of the mouse. */
export interface Places {
  /** The candle under the mouse; null beside the plot. */
  candleOf(event: MouseEvent): number | null;
  /** The candle above or below the mouse; beside the plot the one at its edge, null without candles. */
  nearestCandle(event: MouseEvent): number | null;
}

interface Press {
  event: PointerEvent;
  index: number;
}

export class StretchDrawing {
  private press: Press | null = null;
  /** Where a click has begun a stretch that another one ends. */
  private begun: number | null = null;
  private readonly listening = new AbortController();

  constructor(
    private readonly desk: Desk,
    container: HTMLElement,
    private readonly places: Places,
  ) {
    const { signal } = this.listening;
    container.addEventListener("pointerdown", (event) => this.down(event), { signal });
    window.addEventListener("pointermove", (event) => this.move(event), { signal });
    window.addEventListener("pointerup", (event) => this.up(event), { signal });
    window.addEventListener("pointercancel", () => this.cancel(), { signal });
    signal.addEventListener("abort", desk.subscribe(() => this.watch()));
  }

  get isPressed(): boolean {
    return this.press !== null;
  }

  remove(): void {
    this.listening.abort();
  }

  private down(event: PointerEvent): void {
    const index = DRAWING_MODES.includes(this.desk.getState().mode) ? this.places.candleOf(event) : null;
    if (index === null || event.button !== 0 || !event.isPrimary) return;
    this.press = { event, index };
    if (this.begun === null) this.begin(index);
  }

  private move(event: PointerEvent): void {
    const { press, begun } = this;
    if (!event.isPrimary || (press === null && begun === null)) return;
    if (press !== null && begun !== null && this.isDrag(press, event)) this.begin(press.index);
    const index = press === null ? this.places.candleOf(event) : this.places.nearestCandle(event);
    if (index !== null) this.desk.set({ cursor: index });
  }

  private up(event: PointerEvent): void {
    const { press } = this;
    if (press === null || !event.isPrimary) return;
    this.move(event);
    this.press = null;
    const isFirstClick = this.begun === null && this.desk.getState().mode !== "points" && !this.isDrag(press, event);
    this.begun = isFirstClick ? press.index : null;
    if (!isFirstClick) void this.desk.storeSelection();
  }

  /** The browser has taken the pointer for something else, such as scrolling. */
  private cancel(): void {
    if (this.press !== null) this.desk.set({ anchor: null });
  }

  /** What is given up, by a key for example, is not taken up again when the mouse is let go. */
  private watch(): void {
    if (this.desk.getState().anchor !== null) return;
    this.press = null;
    this.begun = null;
  }

  private begin(index: number): void {
    this.begun = null;
    this.desk.set({ cursor: index, anchor: index, selected: null, focus: null, notice: "" });
  }

  /** A hand that is not quite still does not drag, however narrow the candles are. */
  private isDrag(press: Press, event: MouseEvent): boolean {
    return isFar(press.event, event) && this.places.nearestCandle(event) !== press.index;
  }
}
