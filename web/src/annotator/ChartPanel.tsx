import type { SubmitEvent } from "react";
import { LONGEST_PAIR } from "@/data/series";
import type { Chart } from "@/data/types";
import type { Desk } from "./desk";
import { ExportNotes } from "./ExportNotes";

/** What the chart is called in training and prediction, its exports, and its end. */
export function ChartPanel({ desk, chart }: { desk: Desk; chart: Chart }) {
  return (
    <details>
      <summary>Series and export</summary>
      <SeriesFields desk={desk} chart={chart} />
      <Exports chart={chart} />
      <ExportNotes desk={desk} chart={chart} />
      <button type="button" onClick={() => confirmDelete(desk, chart)}>
        Delete chart
      </button>
    </details>
  );
}

function confirmDelete(desk: Desk, chart: Chart) {
  if (window.confirm(`Delete ${chart.name} with all its annotations?`)) void desk.annotations.deleteChart();
}

function SeriesFields({ desk, chart }: { desk: Desk; chart: Chart }) {
  // An action would empty the fields, also of what is refused.
  const save = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const change = { pair: String(form.get("pair")), timeframe: String(form.get("timeframe")) };
    void desk.annotations.changeChart(change);
  };
  return (
    <form onSubmit={save} className="bar">
      <label>
        Pair
        <input name="pair" defaultValue={chart.pair} key={chart.pair} size={8} required maxLength={LONGEST_PAIR} />
      </label>
      <label>
        Timeframe
        <input name="timeframe" defaultValue={chart.timeframe} key={chart.timeframe} size={4} required />
      </label>
      <button type="submit">Save</button>
      <span className="hint">A pair has at most {LONGEST_PAIR} characters.</span>
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
