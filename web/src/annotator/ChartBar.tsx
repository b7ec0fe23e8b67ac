import type { ChangeEvent } from "react";
import type { AnnotationsState } from "./annotations";
import type { Desk } from "./desk";

export function ChartBar({ desk, stored }: { desk: Desk; stored: AnnotationsState }) {
  const { charts, chart, loading } = stored;
  return (
    <header className="bar">
      <h1>Candle Annotator</h1>
      <label>
        Chart
        <select
          value={chart?.id ?? ""}
          disabled={charts.length === 0}
          onChange={(event) => void desk.annotations.open(Number(event.target.value))}
        >
          {charts.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      <label className="button primary">
        Upload candles
        <input type="file" accept=".csv,text/csv" className="unseen" onChange={(event) => upload(desk, event)} />
      </label>
      {loading && <span role="status">Loading…</span>}
    </header>
  );
}

function upload(desk: Desk, event: ChangeEvent<HTMLInputElement>) {
  const file = event.target.files?.[0];
  if (file !== undefined) void desk.annotations.upload(file);
  event.target.value = "";
}
