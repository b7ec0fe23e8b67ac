import { expect, it } from "vitest";
import type { AnnotationsState } from "@/annotator/annotations";
import type { DeskState } from "@/annotator/desk";
import { drawingOf } from "@/annotator/drawing";
import { momentText, percentText, timeText } from "@/annotator/format";
import { indexOfTime, indicesOf } from "@/annotator/places";
import type { Point, Span } from "@/data/types";

const candles = [0, 60, 120, 300].map((time, index) => ({ time, open: 5, high: 6 + index, low: 4 - index, close: 5 }));

it("finds candles by time, across gaps too", () => {
  expect(indicesOf(candles, 60, 299)).toEqual({ first: 1, last: 2 });
  expect(indicesOf(candles, 130, 299)).toBeNull();
  expect([-1, 0, 59, 299, 999].map((time) => indexOfTime(candles, time))).toEqual([0, 0, 0, 2, 3]);
});

it("draws spans around their extremes, points, and reviewed stretches, and no lines", () => {
  const stored = {
    candles,
    labels: [{ name: "flag", color: "#112233" }],
    spans: [
      { id: 1, start_time: 60, end_time: 120, label: "flag", color: null },
      { id: 2, start_time: 0, end_time: 0, label: "O", color: null },
      { id: 3, start_time: 900, end_time: 999, label: "flag", color: null },
    ] as Span[],
    points: [
      { id: 4, timestamp: 300, label_type: "break_up", geometry: null },
      { id: 5, timestamp: 300, label_type: "line", geometry: [1, 2] },
    ] as Point[],
    ranges: [{ id: 6, chart_id: 1, start_time: 0, end_time: 60 }],
  } as unknown as AnnotationsState;
  const desk = { selected: { kind: "span", id: 1 }, focus: null } as DeskState;
  expect(drawingOf(stored, desk, null)).toEqual({
    spans: [
      { first: 1, last: 2, low: 2, high: 8, label: "flag", color: "#112233", selected: true },
      { first: 0, last: 0, low: 4, high: 6, label: "O", color: "#616161", selected: false },
    ],
    points: [{ index: 3, label: "break_up", low: 1, high: 9, selected: false }],
    reviewed: [{ first: 0, last: 1 }],
    selection: null,
    focus: null,
  });
});

it("writes times and shares as people read them", () => {
  expect([timeText(86_400), timeText(90_000)]).toEqual(["1970-01-02", "1970-01-02 01:00"]);
  expect([momentText(90_000), momentText("1970-01-02T01:00:00Z"), momentText("soon")]).toEqual(
    ["1970-01-02 01:00", "1970-01-02 01:00", "soon"],
  );
  expect([percentText(0.456), percentText(null)]).toEqual(["46 %", "–"]);
});
