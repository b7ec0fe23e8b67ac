/** Clicks that are no drags. The chart's own click event swallows a second click within half a second, wherever it is. */

const MOST_MOVED = 5;

/** Calls the handler for each click of the main button; returns what ends that. */
export function onClicks(container: HTMLElement, handler: (event: MouseEvent) => void): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  let pressed = { x: NaN, y: NaN };
  container.addEventListener("pointerdown", ({ clientX, clientY }) => (pressed = { x: clientX, y: clientY }), { signal });
  container.addEventListener(
    "click",
    (event) => {
      const moved = Math.abs(event.clientX - pressed.x) + Math.abs(event.clientY - pressed.y);
      if (moved < MOST_MOVED) handler(event);
    },
    { signal },
  );
  return () => listening.abort();
}
