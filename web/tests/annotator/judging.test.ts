import { expect, it } from "vitest";
import { beginEmpty, stored } from "../server/calls";
import { connected, openNewChart, pattern, storedSpans } from "./app";

beginEmpty();
const connection = connected();

const TWO = [pattern("flag", 1, 3), pattern("wedge", 5, 7)];

it("a second key before the first verdict is stored does not judge the same prediction", async () => {
  const desk = await openNewChart("slow", TWO);
  desk.walk(1);
  const release = connection.hold();
  const keys = [desk.confirm(), desk.dismiss()];
  expect(desk.getState().notice).toBe("This prediction is being stored");
  release();
  await Promise.all(keys);
  expect(await storedSpans()).toMatchObject([{ label: "flag", source: "model_confirmed" }]);
  expect(desk.getState()).toMatchObject({ focus: { label: "wedge" }, notice: "flag stored as model_confirmed" });
});

it.each(["request", "answer"] as const)("a second key judges nothing where the first one's %s is lost", async (lost) => {
  const desk = await openNewChart(`failing-${lost}`, TWO);
  desk.walk(1);
  connection.broken = lost;
  await Promise.all([desk.confirm(), desk.dismiss()]);
  connection.broken = null;
  expect(desk.annotations.getState().error).toBe("The annotator does not answer");
  expect(desk.getState().focus).toMatchObject({ label: "flag" });
  await desk.dismiss();
  const labels = (await storedSpans()).map((span) => span.label);
  expect(labels).toEqual(lost === "request" ? ["O"] : ["flag"]);
  if (lost === "answer") expect(desk.getState().notice).toBe("This prediction is annotated already");
});

it("keys in quick succession judge the predictions they are pressed on", async () => {
  const desk = await openNewChart("quick", [...TWO, pattern("flag", 9, 9)]);
  desk.walk(1);
  const release = connection.hold();
  const first = desk.confirm();
  desk.walk(1);
  const second = desk.dismiss();
  desk.walk(1);
  release();
  await Promise.all([first, second]);
  expect(desk.getState().focus).toMatchObject({ start: 9 * 3600 });
  expect((await storedSpans()).map((span) => span.label)).toEqual(["O", "flag"]);
});

it("two clicks on a prediction store it once", async () => {
  const desk = await openNewChart("clicks", TWO);
  await Promise.all([desk.judgeAt(2, false), desk.judgeAt(2, true)]);
  expect(await storedSpans()).toMatchObject([{ label: "flag", source: "model_confirmed" }]);
  expect(desk.getState().focus).toBeNull();
});

it("what another window has said of a prediction stands", async () => {
  const desk = await openNewChart("elsewhere", TWO);
  desk.walk(1);
  const chart_id = desk.annotations.getState().chart?.id ?? 0;
  const told = { label: "flag", confidence: 0.9, model_version: "1" };
  await stored(chart_id, { start_time: 3600, end_time: 10_800, label: "O", source: "model_corrected", model_prediction: told });
  await desk.confirm();
  expect(desk.getState().notice).toBe("This prediction is annotated already");
  expect((await storedSpans()).map((span) => span.label)).toEqual(["O"]);
});

it("picking again goes through everything at a candle, the prediction last", async () => {
  const desk = await openNewChart("stacked", [pattern("flag", 1, 3)]);
  await desk.annotations.addSpan({ start_time: 0, end_time: 18_000, label: "wedge" });
  await desk.annotations.addPoint(7200, "break_up");
  const seen: unknown[] = [];
  for (let times = 0; times < 4; times++) {
    desk.pick(2);
    const { selected, focus, notice } = desk.getState();
    seen.push([selected?.kind ?? focus?.label, notice]);
  }
  expect(seen).toEqual([
    ["point", "1 of 3 here; again for the next"],
    ["span", "2 of 3 here; again for the next"],
    ["flag", "3 of 3 here; again for the next"],
    ["point", "1 of 3 here; again for the next"],
  ]);
  desk.pick(9);
  expect(desk.getState()).toMatchObject({ selected: null, focus: null, cursor: 9, notice: "" });
});
