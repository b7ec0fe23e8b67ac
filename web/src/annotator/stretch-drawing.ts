/** Stretches by mouse: one drag, or a click at each end. Points are one click. */
import type { Desk, Mode } from "./desk";

const DRAWING_MODES: readonly Mode[] = ["spans", "reviewed", "points"];

export class StretchDrawing {
  private start: number | null = null;
  private pressed = false;
  private clickedOnce = false;
  private readonly listening = new AbortController();

  constructor(
    private readonly desk: Desk,
    container: HTMLElement,
    private readonly candleOf: (event: MouseEvent) => number | null,
  ) {
    const { signal } = this.listening;
    container.addEventListener("pointerdown", (event) => this.down(event), { signal });
    window.addEventListener("pointermove", (event) => this.move(event), { signal });
    window.addEventListener("pointerup", (event) => this.up(event), { signal });
  }

  remove(): void {
    this.listening.abort();
  }

  private down(event: PointerEvent): void {
    const index = this.indexOf(event);
    if (index === null || event.button !== 0) return;
    this.pressed = true;
    const { anchor } = this.desk.getState();
    if (this.clickedOnce && anchor !== null) return;
    this.clickedOnce = false;
    this.start = index;
    this.desk.set({ cursor: index, anchor: index, selected: null, focus: null, notice: "" });
  }

  private move(event: PointerEvent): void {
    const drawing = this.start !== null && this.desk.getState().anchor !== null;
    const index = drawing ? this.indexOf(event) : null;
    if (index !== null) this.desk.set({ cursor: index });
  }

  private up(event: PointerEvent): void {
    if (!this.pressed || this.start === null) return;
    this.pressed = false;
    const index = this.indexOf(event) ?? this.desk.getState().cursor;
    const isClick = index === this.start && !this.clickedOnce && this.desk.getState().mode !== "points";
    this.clickedOnce = isClick;
    if (isClick) return;
    this.start = null;
    this.desk.set({ cursor: index });
    void this.desk.storeSelection();
  }

  private indexOf(event: PointerEvent): number | null {
    return DRAWING_MODES.includes(this.desk.getState().mode) ? this.candleOf(event) : null;
  }
}
