import { useEffect, useMemo, useRef, type KeyboardEvent } from "react";
import type { AnnotationsState } from "./annotations";
import { ChartView } from "./chart-view";
import type { Desk } from "./desk";
import { pricePrecision, timeText } from "./format";
import { chartKey } from "./keyboard";
import { useStore } from "./use-store";

const PRICES = ["open", "high", "low", "close"] as const;

/** What is on the page, for its console and for tests in a browser. */
declare global {
  interface Window {
    annotator?: { desk: Desk; view: ChartView };
  }
}

export function ChartPane({ desk, stored }: { desk: Desk; stored: AnnotationsState }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (box.current === null) return undefined;
    const view = new ChartView(box.current, desk);
    window.annotator = { desk, view };
    return () => {
      delete window.annotator;
      view.remove();
    };
  }, [desk]);
  const { chart, candles } = stored;
  const name = chart === null ? "No chart" : `${chart.pair} ${chart.timeframe}, ${candles.length} candles`;
  return (
    <>
      <div
        ref={box}
        id="chart"
        className="chart"
        role="application"
        aria-label={`Chart of ${name}`}
        aria-describedby="where"
        tabIndex={0}
        onPointerDown={(event) => event.currentTarget.focus()}
        onKeyDown={(event) => pressed(desk, event)}
      >
        {chart === null && !stored.loading && <p className="begin">Upload a CSV of candles to begin.</p>}
      </div>
      <Where desk={desk} stored={stored} />
    </>
  );
}

function pressed(desk: Desk, event: KeyboardEvent) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (chartKey(desk, { key: event.key, shiftKey: event.shiftKey, repeat: event.repeat })) event.preventDefault();
}

/** Says where the cursor is, what is selected and what has just happened. */
function Where({ desk, stored }: { desk: Desk; stored: AnnotationsState }) {
  const { cursor, anchor, focus, notice } = useStore(desk);
  const { candles } = stored;
  const precision = useMemo(() => pricePrecision(candles), [candles]);
  const candle = cursor === null ? undefined : candles[cursor];
  const count = cursor === null || anchor === null ? 0 : Math.abs(cursor - anchor) + 1;
  const parts = [
    candle && `${timeText(candle.time)}: ${PRICES.map((name) => `${name} ${candle[name].toFixed(precision)}`).join(", ")}`,
    count > 0 && `${count} ${count === 1 ? "candle" : "candles"} selected`,
    focus && `prediction ${focus.label} from ${timeText(focus.start)} to ${timeText(focus.end)}`,
    notice,
  ];
  return (
    <p id="where" role="status" className="where">
      {parts.filter(Boolean).join(" · ") || (candles.length > 0 && "Choose a candle by mouse or arrow keys")}
    </p>
  );
}
