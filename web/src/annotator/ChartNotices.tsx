import { isSameSeries } from "@/data/series";
import type { Chart } from "@/data/types";
import type { AnnotationsState } from "./annotations";

/** What was not taken of the file, and which other charts a training would confuse this one with. */
export function ChartNotices({ stored: { chart, charts, notices } }: { stored: AnnotationsState }) {
  const same = chart === null ? [] : charts.filter((each) => each.id !== chart.id && isSameSeries(each, chart));
  return (
    <>
      {notices.length > 0 && (
        <p role="status" className="banner">
          {notices.join("; ")}.
        </p>
      )}
      {chart !== null && same.length > 0 && (
        <p role="status" className="banner">
          {sharedText(chart, same)}
        </p>
      )}
    </>
  );
}

function sharedText({ pair, timeframe }: Chart, same: readonly Chart[]): string {
  const named = same.map(({ id, name }) => `${id} (${name})`).join(", ");
  return (
    `${pair} ${timeframe} is the series of chart ${named} too. A training takes one chart a series: ` +
    "change pair or timeframe, delete one, or list the charts to read in the training's configuration."
  );
}
