import type { ChangeEvent } from "react";
import type { Chart } from "@/data/types";
import type { AnnotationsState } from "./annotations";
import type { Desk } from "./desk";

export function ChartBar({ desk, stored }: { desk: Desk; stored: AnnotationsState }) {
  const { charts, chart, loading } = stored;
  return (
    <header className="bar">
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
      <label className="button">
        Upload candles
        <input type="file" accept=".csv,text/csv" className="unseen" onChange={(event) => upload(desk, event)} />
      </label>
      {chart !== null && <SeriesFields key={chart.id} desk={desk} chart={chart} />}
      {chart !== null && <Exports chart={chart} />}
      {chart !== null && (
        <button type="button" onClick={() => confirmDelete(desk, chart)}>
          Delete chart
        </button>
      )}
      {loading && <span role="status">Loading…</span>}
    </header>
  );
}

function upload(desk: Desk, event: ChangeEvent<HTMLInputElement>) {
  const file = event.target.files?.[0];
  if (file !== undefined) void desk.annotations.upload(file);
  event.target.value = "";
}

function confirmDelete(desk: Desk, chart: Chart) {
  if (window.confirm(`Delete ${chart.name} with all its annotations?`)) void desk.annotations.deleteChart();
}

function SeriesFields({ desk, chart }: { desk: Desk; chart: Chart }) {
  const save = (form: FormData) => {
    const change = { pair: String(form.get("pair")), timeframe: String(form.get("timeframe")) };
    void desk.annotations.changeChart(change);
  };
  return (
    <form action={save} className="bar">
      <label>
        Pair
        <input name="pair" defaultValue={chart.pair} key={chart.pair} size={10} required maxLength={64} />
      </label>
      <label>
        Timeframe
        <input name="timeframe" defaultValue={chart.timeframe} key={chart.timeframe} size={4} required />
      </label>
      <button type="submit">Save series</button>
    </form>
  );
}

function Exports({ chart }: { chart: Chart }) {
  const formats = [
    ["json", "JSON"],
    ["windowed", "Windowed CSV"],
    ["bio", "BIO CSV"],
  ];
  return (
    <nav aria-label="Export" className="bar">
      {formats.map(([format, name]) => (
        <a key={format} href={`/api/export/spans?chartId=${chart.id}&format=${format}`} download>
          {name}
        </a>
      ))}
    </nav>
  );
}
