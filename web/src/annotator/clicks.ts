/** Clicks that are no drags. The chart's own click event swallows a second click within half a second, wherever it is. */

const MOST_MOVED = 5;

type Place = Pick<MouseEvent, "clientX" | "clientY">;

/** Calls the handler for each click of the main button; returns what ends that. */
export function onClicks(container: HTMLElement, handler: (event: MouseEvent) => void): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  let pressed: Place = { clientX: NaN, clientY: NaN };
  container.addEventListener("pointerdown", (event) => (pressed = event), { signal });
  container.addEventListener("click", (event) => isFar(pressed, event) || handler(event), { signal });
  return () => listening.abort();
}

/** Whether the mouse has moved further than a hand does that clicks; without a place where it was pressed it has. */
export function isFar(pressed: Place, event: Place): boolean {
  return !(Math.abs(event.clientX - pressed.clientX) + Math.abs(event.clientY - pressed.clientY) < MOST_MOVED);
}
