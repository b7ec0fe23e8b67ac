import { POINT_LABELS, type Point } from "@/data/types";
import type { LayerState, Run } from "@/prediction-layer";
import type { AnnotationsState } from "./annotations";
import type { Desk } from "./desk";
import { percentText, timeText } from "./format";
import { SimilarList } from "./SimilarList";
import { SpanEditor } from "./SpanEditor";
import { named, namesOf, StoredChoice } from "./StoredChoice";
import { useStore } from "./use-store";

interface Props {
  desk: Desk;
  stored: AnnotationsState;
  layer: LayerState;
}

export function SelectionPanel({ desk, stored, layer }: Props) {
  const { selected, focus } = useStore(desk);
  const span = selected?.kind === "span" ? stored.spans.find((each) => each.id === selected.id) : undefined;
  const point = selected?.kind === "point" ? stored.points.find((each) => each.id === selected.id) : undefined;
  const range = selected?.kind === "range" ? stored.ranges.find((each) => each.id === selected.id) : undefined;
  return (
    <section aria-labelledby="selection">
      <h2 id="selection">Selection</h2>
      {focus !== null && <Judging desk={desk} run={focus} stored={stored} version={layer.prediction?.modelVersion} />}
      {span !== undefined && <SpanEditor key={span.id} desk={desk} span={span} labels={stored.labels} />}
      {point !== undefined && (
        <PointEditor key={point.id} desk={desk} point={point} names={namesOf(stored.labels)} />
      )}
      {range !== undefined && (
        <p>
          Reviewed from {timeText(range.start_time)} to {timeText(range.end_time)}
        </p>
      )}
      {selected !== null && (
        <button type="button" onClick={() => void desk.deleteSelected()}>
          Delete annotation
        </button>
      )}
      {selected === null && focus === null && <p className="hint">Nothing is selected.</p>}
    </section>
  );
}

function PointEditor({ desk, point, names }: { desk: Desk; point: Point; names: string[] }) {
  const change = (label_type: string) => desk.annotations.changePoint(point.id, { label_type });
  const options = named([...POINT_LABELS, ...names]);
  return (
    <>
      <p>{timeText(point.timestamp)}</p>
      <StoredChoice name="Label of the point" value={point.label_type} options={options} onStore={change} />
    </>
  );
}

interface JudgingProps {
  desk: Desk;
  run: Run;
  stored: AnnotationsState;
  version: string | undefined;
}

function Judging({ desk, run, stored, version }: JudgingProps) {
  const names = namesOf(stored.labels).filter((name) => name !== run.label);
  return (
    <div>
      <p>
        Model {version} says <strong>{run.label}</strong> ({percentText(run.confidence)}) from {timeText(run.start)} to{" "}
        {timeText(run.end)}.
      </p>
      <div className="bar">
        <button type="button" onClick={() => void desk.confirm()}>
          Confirm
        </button>
        <button type="button" onClick={() => void desk.dismiss()}>
          Dismiss
        </button>
        <StoredChoice
          name="Correct to"
          value=""
          options={named(["", ...names], "choose…")}
          button="Correct"
          about={`${run.label} ${run.start}`}
          onStore={(label) => desk.correct(label)}
        />
      </div>
      <Examples desk={desk} label={run.label} />
    </div>
  );
}

function Examples({ desk, label }: { desk: Desk; label: string }) {
  const { similar, problem } = useStore(desk.examples);
  const none = similar === null ? problem || "Looking for them…" : `The model names no ${label} like it.`;
  return (
    <div className="evidence">
      <h3>Because you labelled these</h3>
      {similar !== null && similar.length > 0 ? (
        <SimilarList desk={desk} name="Because you labelled these" similar={similar} />
      ) : (
        <p className="hint">{none}</p>
      )}
    </div>
  );
}
