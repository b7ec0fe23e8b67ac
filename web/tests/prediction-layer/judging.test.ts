import { describe, expect, it } from "vitest";
import { confirmed, corrected, disagreements, dismissed, type HumanSpan } from "@/prediction-layer";
import { at, run, series } from "./parts";

const { candles } = series(50);

function human(first: number, last: number, label: string, more: Partial<HumanSpan> = {}): HumanSpan {
  return { id: 7, start_time: at(first), end_time: at(last), label, source: "human", model_prediction: null, ...more };
}

describe("disagreements", () => {
  it("are runs that no annotation is about", () => {
    const found = disagreements([run(10, 19)], [human(30, 39, "flag"), human(17, 26, "flag")], candles);
    expect(found).toEqual([{ kind: "missed", run: run(10, 19), human: null }]);
  });

  it("are runs where the annotation has another label", () => {
    const about = human(12, 22, "wedge");
    expect(disagreements([run(10, 19)], [about], candles)).toEqual([{ kind: "mismatch", run: run(10, 19), human: about }]);
  });

  it.each([
    ["the same label over half of the shorter one", human(15, 30, "flag")],
    ["the same label at a point of the run", human(12, 12, "flag")],
    ["a run within a long annotation", human(0, 49, "flag")],
    ["nothing here", human(10, 19, "O")],
    ["a correction of this prediction", human(10, 19, "wedge", { source: "model_corrected", model_prediction: { label: "flag" } })],
  ])("are not where the annotation says %s", (_, span) => {
    expect(disagreements([run(10, 19)], [span], candles)).toEqual([]);
  });

  it("are missed where only a point of another label is about the run", () => {
    const point = human(12, 12, "break_up", { isPoint: true });
    expect(disagreements([run(10, 19)], [point], candles)).toEqual([{ kind: "missed", run: run(10, 19), human: null }]);
  });

  it("do not count what programs say", () => {
    const found = disagreements([run(10, 19)], [human(10, 19, "flag", { source: "talib" })], candles);
    expect(found).toMatchObject([{ kind: "missed" }]);
  });

  it("remain where a correction was about another prediction", () => {
    const other = human(10, 19, "wedge", { source: "model_corrected", model_prediction: { label: "doji" } });
    expect(disagreements([run(10, 19)], [other], candles)).toMatchObject([{ kind: "mismatch" }]);
  });
});

describe("what is stored", () => {
  const told = { model_prediction: { label: "flag", confidence: 0.9, model_version: "3" } };
  const place = { start_time: at(10), end_time: at(19) };

  it("is a confirmed span", () => {
    const fields = { ...place, ...told, label: "flag", source: "model_confirmed" };
    expect(confirmed(run(10, 19), "3", null)).toEqual({ kind: "create", fields });
    expect(corrected(run(10, 19), "3", null, "flag")).toEqual({ kind: "create", fields });
  });

  it("is a corrected span", () => {
    const fields = { ...place, ...told, label: "wedge", source: "model_corrected" };
    expect(corrected(run(10, 19), "3", null, "wedge")).toEqual({ kind: "create", fields });
  });

  it("is an O for a dismissal", () => {
    const fields = { ...place, ...told, label: "O", source: "model_corrected" };
    expect(dismissed(run(10, 19), "3", null)).toEqual({ kind: "create", fields });
  });

  it("changes the annotation that says otherwise, so that two labels never stand on one place", () => {
    const about = human(12, 22, "wedge");
    const change = (label: string, source: string) => ({ kind: "change", id: 7, fields: { ...told, label, source } });
    expect(confirmed(run(10, 19), "3", about)).toEqual(change("flag", "model_confirmed"));
    expect(corrected(run(10, 19), "3", about, "doji")).toEqual(change("doji", "model_corrected"));
    expect(dismissed(run(10, 19), "3", about)).toEqual(change("wedge", "model_corrected"));
  });
});
