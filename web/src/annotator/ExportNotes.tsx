import { useMemo } from "react";
import { bioLosses, exportName } from "@/data/exports";
import type { Chart, Span } from "@/data/types";
import type { Desk } from "./desk";
import { timeText } from "./format";
import { useStore } from "./use-store";

const MOST_NAMED = 5;

/** What an exported file does not say as the chart does. */
export function ExportNotes({ desk, chart }: { desk: Desk; chart: Chart }) {
  const { spans, candles } = useStore(desk.annotations);
  const { shortened, lost } = useMemo(() => bioLosses(spans, candles), [spans, candles]);
  const pair = exportName({ pair: chart.pair, timeframe: "" }, "").slice(0, -2);
  return (
    <>
      {pair !== chart.pair && (
        <p className="hint">
          No file can be called {chart.pair}: exports say {pair}. Name the pair in the sources&apos; options to train from them.
        </p>
      )}
      {shortened.length > 0 && (
        <p className="hint">In BIO a candle has one label: {named(shortened)} lose candles to an earlier span.</p>
      )}
      {lost.length > 0 && <p className="hint">BIO leaves out, as no candle is left for them: {named(lost)}.</p>}
    </>
  );
}

function named(spans: readonly Span[]): string {
  const told = spans.slice(0, MOST_NAMED).map((span) => `${span.label} ${timeText(span.start_time)}`);
  return [...told, ...(spans.length > MOST_NAMED ? [`and ${spans.length - MOST_NAMED} more`] : [])].join(", ");
}
