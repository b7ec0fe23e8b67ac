import { describe, expect, it } from "vitest";
import { isTimeframe, proposeSeries, timeframeOf } from "@/data/series";

const DAY = 86_400;

function spaced(seconds: number, count = 20) {
  return Array.from({ length: count }, (_, index) => ({ time: index * seconds, open: 1, high: 1, low: 1, close: 1 }));
}

describe("the timeframe that the spacing tells", () => {
  it.each([
    [1, "1s"],
    [60, "1m"],
    [900, "15m"],
    [3600, "1h"],
    [4 * 3600, "4h"],
    [DAY, "1d"],
    [7 * DAY, "1w"],
    [30 * DAY, "1M"],
  ])("%d seconds are %s", (seconds, timeframe) => {
    expect(timeframeOf(spaced(seconds))).toBe(timeframe);
  });

  it("passes over weekends", () => {
    const weekdays = spaced(DAY, 60).filter((_, index) => index % 7 < 5);
    expect(timeframeOf(weekdays)).toBe("1d");
  });
});

describe("pair and timeframe that are proposed", () => {
  it.each([
    ["EURUSD_1h", 3600, { pair: "EURUSD", timeframe: "1h" }],
    ["BTC-USD_15m", 900, { pair: "BTC-USD", timeframe: "15m" }],
    ["AAPL-1d.clean", DAY, { pair: "AAPL", timeframe: "1d" }],
    ["my candles", 900, { pair: "my candles", timeframe: "15m" }],
    ["", DAY, { pair: "unnamed", timeframe: "1d" }],
    ["EURUSD_1H", 3600, { pair: "EURUSD", timeframe: "1h" }],
    ["EURUSD60", 3600, { pair: "EURUSD", timeframe: "1h" }],
    ["EURUSDH1", 3600, { pair: "EURUSD", timeframe: "1h" }],
    ["EURUSD_H4", 4 * 3600, { pair: "EURUSD", timeframe: "4h" }],
    ["US30,M15", 900, { pair: "US30", timeframe: "15m" }],
    ["EURUSD_1440", DAY, { pair: "EURUSD", timeframe: "1d" }],
    ["XAUUSDMN1", 30 * DAY, { pair: "XAUUSD", timeframe: "1M" }],
    ["SPX500", DAY, { pair: "SPX500", timeframe: "1d" }],
    ["US30", 1800, { pair: "US30", timeframe: "30m" }],
    ["ETHUSDM24", DAY, { pair: "ETHUSDM24", timeframe: "1d" }],
    ["EURUSD_2023_1h", 3600, { pair: "EURUSD_2023", timeframe: "1h" }],
  ])("%s", (name, seconds, series) => {
    expect(proposeSeries(name, spaced(seconds))).toEqual(series);
  });

  it("cuts a pair to what training and prediction take", () => {
    expect(proposeSeries(`${"x".repeat(70)}_1h`, spaced(3600))).toEqual({ pair: "x".repeat(64), timeframe: "1h" });
    expect(proposeSeries("x".repeat(70), spaced(3600)).pair).toHaveLength(64);
  });

  it("believes the candles where the name contradicts them", () => {
    expect(proposeSeries("EURUSD_1h", spaced(900))).toEqual({ pair: "EURUSD", timeframe: "15m" });
  });

  it("believes the name where there is one candle only", () => {
    expect(proposeSeries("EURUSD_1h", spaced(0, 1))).toEqual({ pair: "EURUSD", timeframe: "1h" });
  });
});

it.each(["", "1", "h", "0h", "1x", "10000m", "1h "])("%j is no timeframe", (text) => {
  expect(isTimeframe(text)).toBe(false);
});
