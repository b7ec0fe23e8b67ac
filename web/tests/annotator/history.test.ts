import { expect, it } from "vitest";
import { History } from "@/annotator/history";
import type { Span } from "@/data/types";

const span = (id: number, label = "flag") => ({ id, label }) as Span;

it("takes the last edit back first, and does it again", () => {
  const history = new History();
  history.record({ kind: "span", before: null, after: span(1) });
  history.record({ kind: "span", before: span(1), after: span(1, "wedge") });
  expect(history.nextUndo()).toEqual({ kind: "span", before: span(1, "wedge"), after: span(1) });
  history.undone();
  expect(history.nextRedo()).toEqual({ kind: "span", before: span(1), after: span(1, "wedge") });
  history.redone();
  expect([history.canUndo, history.canRedo]).toEqual([true, false]);
});

it("forgets what was undone when something new is done", () => {
  const history = new History();
  history.record({ kind: "span", before: null, after: span(1) });
  history.undone();
  history.record({ kind: "span", before: null, after: span(2) });
  expect(history.canRedo).toBe(false);
});

it("knows a row by the id under which it is stored again", () => {
  const history = new History();
  history.record({ kind: "span", before: null, after: span(1) });
  history.record({ kind: "span", before: span(1), after: null });
  history.renumber("span", 1, 9);
  history.undone();
  expect(history.nextUndo()).toEqual({ kind: "span", before: span(9), after: null });
  expect(history.nextRedo()).toEqual({ kind: "span", before: span(9), after: null });
});

it("keeps rows of other kinds with the same id", () => {
  const history = new History();
  history.record({ kind: "range", before: null, after: { id: 1, chart_id: 1, start_time: 0, end_time: 0 } });
  history.renumber("span", 1, 9);
  expect(history.nextUndo()?.before?.id).toBe(1);
});
