/** Keys of the chart. They count while the chart has the focus, so that no other control loses a key. */
import type { Desk, Mode } from "./desk";

const PAGE = 20;

const MODE_KEYS: Record<string, Mode> = { v: "browse", s: "spans", p: "points", m: "reviewed", j: "judge" };

/** What the help says of every key. */
export const KEYS: readonly [string, string][] = [
  ["← →", "move the cursor by a candle; with Shift select candles"],
  ["Page up, Page down", "move the cursor by 20 candles"],
  ["Home, End", "first and last candle"],
  ["0 to 9", "label with that key: corrects the prediction in question, else labels the selection or the selected span"],
  ["Enter", "store the selection as the mode says; in the other modes select what is at the cursor, again for the next thing there"],
  ["u, d", "point break_up, break_down at the cursor"],
  ["r", "mark the selected candles as reviewed"],
  ["Delete", "delete the selected annotation"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo (anywhere)"],
  ["n, b", "next disagreement, the one before"],
  ["c, x", "confirm the prediction in question, dismiss it"],
  ["g", "next stretch to annotate, selected: a label's key or r stores it"],
  ["l, k, t", "next label to check; keep it, take the likely one"],
  ["e, a", "predict what is visible, predict all"],
  ["v, s, p, m, j", "mode: view, spans, points, mark reviewed, judge"],
  ["Escape", "let go of everything"],
];

/** Does what a key on the chart means; tells whether it means anything. */
export function chartKey(desk: Desk, event: Pick<KeyboardEvent, "key" | "shiftKey" | "repeat">): boolean {
  if (movesCursor(desk, event)) return true;
  const action = event.repeat ? undefined : actionOf(desk, event.key);
  if (action === undefined) return false;
  void action();
  return true;
}

/** Undo and redo, anywhere but where text is typed. */
export function historyKey(desk: Desk, event: KeyboardEvent): boolean {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return false;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return false;
  const redo = key === "y" || event.shiftKey;
  void (redo ? desk.annotations.redo() : desk.annotations.undo());
  return true;
}

function movesCursor(desk: Desk, { key, shiftKey }: Pick<KeyboardEvent, "key" | "shiftKey">): boolean {
  const last = desk.annotations.getState().candles.length - 1;
  const cursor = desk.getState().cursor ?? last;
  const to: Record<string, number> = {
    ArrowLeft: cursor - 1,
    ArrowRight: cursor + 1,
    PageUp: cursor - PAGE,
    PageDown: cursor + PAGE,
    Home: 0,
    End: last,
  };
  const index = to[key];
  if (index === undefined) return false;
  desk.moveCursor(index, shiftKey);
  return true;
}

function actionOf(desk: Desk, key: string): (() => unknown) | undefined {
  const label = desk.annotations.getState().labels.find((each) => each.is_active && each.hotkey === key);
  if (label !== undefined) return () => desk.useLabel(label.name);
  const mode = MODE_KEYS[key];
  if (mode !== undefined) return () => desk.setMode(mode);
  const actions: Record<string, () => unknown> = {
    Enter: () => enter(desk),
    u: () => desk.addPoint("break_up"),
    d: () => desk.addPoint("break_down"),
    r: () => desk.markReviewed(),
    Delete: () => desk.deleteSelected(),
    Backspace: () => desk.deleteSelected(),
    n: () => desk.walk(1),
    b: () => desk.walk(-1),
    c: () => desk.confirm(),
    x: () => desk.dismiss(),
    g: () => desk.guide.walkSuggestions(),
    l: () => desk.guide.walkQuestions(),
    k: () => desk.guide.keep(),
    t: () => desk.guide.relabel(),
    e: () => desk.layer.predictVisible(),
    a: () => desk.layer.predictAll(),
    Escape: () => desk.clear(),
  };
  return actions[key];
}

function enter(desk: Desk): unknown {
  const { mode, cursor } = desk.getState();
  if (mode === "browse" || mode === "judge") return cursor === null ? undefined : desk.pick(cursor);
  return desk.storeSelection();
}
