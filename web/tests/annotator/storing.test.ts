import { describe, expect, it, vi } from "vitest";
import { beginEmpty, uploaded } from "../server/calls";
import { changeElsewhere, connected, HOUR, openNewChart, openWindow, storedSpans } from "./app";

beginEmpty();
const connection = connected();

describe("what cannot be stored", () => {
  it("stays selected, and is stored when it is asked for again", async () => {
    const desk = await openNewChart("selection");
    desk.set({ cursor: 2, anchor: 5 });
    connection.broken = "request";
    await desk.useLabel("wedge");
    expect(desk.annotations.getState().error).toBe("The annotator does not answer");
    expect(desk.getState()).toMatchObject({ cursor: 2, anchor: 5, notice: "" });
    connection.broken = null;
    await desk.useLabel("wedge");
    expect(await storedSpans()).toMatchObject([{ start_time: 2 * HOUR, end_time: 5 * HOUR }]);
    expect(desk.getState()).toMatchObject({ anchor: null, notice: "wedge stored" });
  });

  it("does not come back over what is selected meanwhile", async () => {
    const desk = await openNewChart("meanwhile");
    desk.set({ cursor: 2, anchor: 5 });
    connection.broken = "request";
    const storing = desk.markReviewed();
    desk.set({ cursor: 7, anchor: 8 });
    await storing;
    connection.broken = null;
    expect(desk.getState()).toMatchObject({ cursor: 7, anchor: 8 });
  });

  it("is shown where only the answer was lost", async () => {
    const desk = await openNewChart("lost-answer");
    connection.broken = "answer";
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge" });
    connection.broken = null;
    expect(desk.annotations.getState()).toMatchObject({ error: "The annotator does not answer", spans: [{ label: "wedge" }] });
  });

  it("is not stored on a chart that was opened meanwhile", async () => {
    const desk = await openNewChart("first");
    await uploaded("second.csv");
    await desk.annotations.refresh();
    const second = desk.annotations.getState().charts.at(-1)?.id ?? 0;
    const opening = desk.annotations.open(second);
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge" });
    await opening;
    expect(desk.annotations.getState().error).toBe("Another chart was opened meanwhile: nothing is stored");
    expect(await storedSpans()).toEqual([]);
  });
});

describe("a note", () => {
  it("stays as it was typed until it is stored", async () => {
    const desk = await openNewChart("note");
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge" });
    const { id } = desk.annotations.getState().spans[0] ?? { id: 0 };
    connection.broken = "request";
    desk.notes.type(id, "steep");
    await desk.notes.store(id);
    expect(desk.notes.getState().typed.get(id)).toBe("steep");
    connection.broken = null;
    await desk.notes.store(id);
    expect(desk.notes.getState().typed.size).toBe(0);
    expect(await storedSpans()).toMatchObject([{ notes: "steep" }]);
  });

  it("is sent when the page goes, though an edit before it has no answer yet", async () => {
    const desk = await openNewChart("leaving");
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge" });
    const { id } = desk.annotations.getState().spans[0] ?? { id: 0 };
    desk.notes.type(id, "steep");
    const release = connection.hold();
    const editing = desk.annotations.changeSpan(id, { outcome: "win" });
    await vi.waitUntil(() => connection.isHolding);
    desk.notes.leave();
    await expect.poll(storedSpans).toMatchObject([{ notes: "steep", outcome: null }]);
    release();
    await editing;
  });
});

describe("two windows", () => {
  it("undoing a creation keeps what somebody else has changed, and the undo before it works", async () => {
    const desk = await openNewChart("undo");
    await desk.annotations.addPoint(0, "break_up");
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge" });
    const { id } = desk.annotations.getState().spans[0] ?? { id: 0 };
    await changeElsewhere(id, { notes: "theirs" });
    await desk.annotations.undo();
    expect(desk.annotations.getState()).toMatchObject({
      error: `Somebody has changed span annotation ${id} meanwhile: it is not deleted`,
      spans: [{ notes: "theirs" }],
    });
    expect(await storedSpans()).toMatchObject([{ notes: "theirs" }]);
    await desk.annotations.undo();
    expect(desk.annotations.getState()).toMatchObject({ error: null, points: [], canUndo: false });
  });

  it("deleting what somebody else has changed shows the change first", async () => {
    const desk = await openNewChart("delete");
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge" });
    const { id } = desk.annotations.getState().spans[0] ?? { id: 0 };
    desk.select("span", id);
    await changeElsewhere(id, { notes: "theirs" });
    await desk.deleteSelected();
    expect(desk.getState()).toMatchObject({ selected: { id }, notice: "" });
    await desk.deleteSelected();
    expect(desk.getState()).toMatchObject({ selected: null, notice: "Deleted" });
    expect(await storedSpans()).toEqual([]);
  });

  it("an edit and its undo, and undoing what was deleted and stored again, still delete", async () => {
    const desk = await openNewChart("again");
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge", sub_spans: [{ label: "pole", at: [1] }] });
    const { id } = desk.annotations.getState().spans[0] ?? { id: 0 };
    await desk.annotations.changeSpan(id, { outcome: "win" });
    await desk.annotations.remove("span", id);
    for (let times = 0; times < 3; times++) await desk.annotations.undo();
    expect(desk.annotations.getState()).toMatchObject({ error: null, spans: [] });
    for (let times = 0; times < 3; times++) await desk.annotations.redo();
    expect(desk.annotations.getState()).toMatchObject({ error: null, spans: [], canRedo: false });
  });

  it("coming back shows what was done elsewhere, and keeps the message that stands there", async () => {
    const desk = await openNewChart("focus");
    const other = await openWindow();
    connection.broken = "request";
    await other.annotations.addPoint(0, "break_up");
    connection.broken = null;
    await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: "wedge" });
    await other.annotations.refresh();
    expect(other.annotations.getState()).toMatchObject({ spans: [{ label: "wedge" }], error: "The annotator does not answer" });
    const before = other.annotations.getState();
    await Promise.all([other.annotations.refresh(), other.annotations.refresh()]);
    const { charts, chart, spans, points, labels } = other.annotations.getState();
    expect([charts, chart, spans, points, labels].every((part) => Object.values(before).includes(part))).toBe(true);
  });
});

it("a label that is renamed or put out of use is not what the next annotation gets", async () => {
  const desk = await openNewChart("renamed");
  const [first] = desk.annotations.getState().labels;
  desk.set({ activeLabel: first?.name ?? "", pointLabel: first?.name ?? "", judgeAs: first?.name ?? "" });
  await desk.annotations.addSpan({ start_time: 0, end_time: HOUR, label: first?.name ?? "" });
  await desk.annotations.changeLabel(first?.id ?? 0, { name: "flagpole" });
  expect(desk.annotations.getState()).toMatchObject({ spans: [{ label: "flagpole" }], canUndo: false });
  expect(desk.getState()).toMatchObject({ activeLabel: "flagpole", pointLabel: "break_up", judgeAs: "" });
  await desk.annotations.changeLabel(first?.id ?? 0, { is_active: false });
  expect(desk.getState().activeLabel).toBe("bear_flag");
});
