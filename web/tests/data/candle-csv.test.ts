import { describe, expect, it } from "vitest";
import { CandleCsvError, MOST_CANDLES, parseCandleCsv } from "@/data/candle-csv";

const ROW = "1.1,1.3,1.0,1.2";
const JANUARY_2 = 1704153600;

function csv(...times: string[]): string {
  return ["time,open,high,low,close", ...times.map((time) => `${time},${ROW}`)].join("\n");
}

const read = (text: string) => parseCandleCsv(text).candles;

function problem(text: string): string {
  try {
    parseCandleCsv(text);
  } catch (error) {
    if (error instanceof CandleCsvError) return error.message;
  }
  return "accepted";
}

describe("forms of candle files", () => {
  it.each([
    ["a date", "2024-01-02"],
    ["a date-time", "2024-01-02T00:00:00"],
    ["a date-time with a blank", "2024-01-02 00:00"],
    ["UTC", "2024-01-02T00:00:00.000Z"],
    ["an offset", "2024-01-02T02:00:00+02:00"],
    ["an offset before UTC", "2024-01-01T19:30:00-0430"],
    ["seconds", "1704153600"],
    ["milliseconds", "1704153600000"],
  ])("reads %s as the same Unix seconds", (_, time) => {
    expect(read(csv(time))[0]?.time).toBe(JANUARY_2);
  });

  it("takes columns in any order and case, and leaves others aside", () => {
    const [candle] = read("Close,LOW,note,Volume,High,Open,Date\n1.2,1.0,x,70,1.3,1.1,2024-01-02\n");
    expect(candle).toEqual({ time: JANUARY_2, open: 1.1, high: 1.3, low: 1.0, close: 1.2, volume: 70 });
  });

  it("has no volume where the column is absent or empty", () => {
    expect(read(csv("2024-01-02"))[0]).not.toHaveProperty("volume");
    expect(read("time,open,high,low,close,volume\n0,1,1,1,1,\n")[0]).not.toHaveProperty("volume");
  });

  it("takes a byte order mark, semicolons, Windows line ends and blank lines", () => {
    const text = "\ufefftime;open;high;low;close\r\n\r\n60;1;2;1;2\r\n0;1;2;1;2\r\n";
    expect(read(text).map((candle) => candle.time)).toEqual([0, 60]);
  });

  it("takes rows that end with a separator", () => {
    expect(read("time,open,high,low,close\n0,1,2,1,2,\n")).toHaveLength(1);
  });

  it("leaves rows without prices out and says how many", () => {
    const rows = ["0,1,1,1,1,5", "60,null,null,null,null,null", "120,,,,,", "180,NaN,nan,N/A,null,0"];
    expect(parseCandleCsv(`time,open,high,low,close,volume\n${rows.join("\n")}\n`)).toEqual({
      candles: [{ time: 0, open: 1, high: 1, low: 1, close: 1, volume: 5 }],
      notices: ["3 rows without prices left out"],
    });
  });

  it("takes an empty volume as 0 and says so where other rows have one", () => {
    const { candles, notices } = parseCandleCsv("time,open,high,low,close,volume\n0,1,1,1,1,5\n60,1,1,1,1,\n");
    expect(candles.map((candle) => candle.volume)).toEqual([5, 0]);
    expect(notices).toEqual(["1 row without volume given volume 0"]);
  });

  it("has nothing to say of a file that is taken as it stands", () => {
    expect(parseCandleCsv(csv("0", "60")).notices).toEqual([]);
  });

  it("puts candles in order of time", () => {
    expect(read(csv("120", "0", "60")).map((candle) => candle.time)).toEqual([0, 60, 120]);
  });
});

describe("files that are refused", () => {
  it.each([
    ["", "the file is empty; a header and rows of candles are needed"],
    ["time,open,high,low,close\n", "the file has a header and no rows"],
    [
      "a,open,high\n1,2,3",
      'no column time, low, close; the header must name time, open, high, low and close, and names "a", "open", "high"',
    ],
    ["time,open,high,low,close\n0,null,null,null,null\n", "no row has prices"],
    ["time,open,high,low,close\n0,1,1,1,null\n", 'row 1: close "null" is no price above zero'],
    ["time,open,high,low,close\n0,1,1\n", 'row 1: low "" is no price above zero'],
    ["time,open,high,low,close,Open\n0,1,1,1,1,1", 'two columns are named "open"'],
    [csv("soon"), 'row 1: time "soon" is no date, ISO date-time, Unix seconds or milliseconds'],
    [csv("20240102"), 'row 1: time "20240102" is no date, ISO date-time, Unix seconds or milliseconds'],
    [csv("2024-02-30"), 'row 1: time "2024-02-30" is no date, ISO date-time, Unix seconds or milliseconds'],
    [csv("0024-01-02"), 'row 1: time "0024-01-02" is no date, ISO date-time, Unix seconds or milliseconds'],
    [csv("1969-12-31"), 'row 1: time "1969-12-31" is before 1970'],
    [csv("-1"), 'row 1: time "-1" is before 1970'],
    [csv("253402300799"), 'row 1: time "253402300799", as milliseconds, is not on a whole second'],
    [csv("253402300800000"), 'row 1: time "253402300800000", as milliseconds, is after 9999'],
    [csv("60.5"), 'row 1: time "60.5" is not on a whole second'],
    [csv("0", "60", "0"), "time 1970-01-01T00:00:00.000Z stands twice"],
    ["time,open,high,low,close\n0,1,1,1,nan", 'row 1: close "nan" is no price above zero'],
    ["time,open,high,low,close\n0,0,1,0,1", 'row 1: open "0" is no price above zero'],
    ["time,open,high,low,close\n0,1,1,2,1", "row 1: high 1 is below low 2"],
    ["time,open,high,low,close\n0,3,2,1,1", "row 1: high 2 is below open or close"],
    ["time,open,high,low,close\n0,2,3,2,1", "row 1: low 2 is above open or close"],
    ["time,open,high,low,close,volume\n0,1,1,1,1,5\n60,1,1,1,1,-5", 'row 2: volume "-5" is no number from zero up'],
    ["time,open,high,low,close\n0,1,234,1,2,2", "row 1: 6 cells, and the header names 5"],
    [`time,open,high,low,close\n0,1,1,1,"${"1".repeat(99)}\n60,1,1,1,1\n`, `row 1: close "${"1".repeat(40)}…" is no price above zero`],
  ])("%j", (text, message) => {
    expect(problem(text)).toBe(message);
  });

  it("names the first rows and counts the others", () => {
    const bad = (row: number) => `row ${row}: time "x" is no date, ISO date-time, Unix seconds or milliseconds`;
    expect(problem(csv("x", "x", "x", "x", "x"))).toBe(`${bad(1)}; ${bad(2)}; ${bad(3)}; and 2 more`);
  });

  it("says how many rows a file may have", () => {
    const rows = "0,1,1,1,1\n".repeat(MOST_CANDLES + 1);
    expect(problem(`time,open,high,low,close\n${rows}`)).toBe("500001 rows; a file may have 500000");
  });
});
