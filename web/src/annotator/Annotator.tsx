"use client";

import { useEffect, useState } from "react";
import { usePredictionLayer } from "@/prediction-layer";
import { AnnotationPanel } from "./AnnotationPanel";
import { Annotations } from "./annotations";
import { ChartBar } from "./ChartBar";
import { ChartNotices } from "./ChartNotices";
import { ChartPane } from "./ChartPane";
import { ChartPanel } from "./ChartPanel";
import { Desk } from "./desk";
import { DisagreementPanel } from "./DisagreementPanel";
import { ErrorBoundary } from "./ErrorBoundary";
import { HelpPanel } from "./HelpPanel";
import { historyKey } from "./keyboard";
import { LabelPanel } from "./LabelPanel";
import { ModeBar } from "./ModeBar";
import { PredictionPanel } from "./PredictionPanel";
import { QuestionPanel } from "./QuestionPanel";
import { SelectionPanel } from "./SelectionPanel";
import { SuggestionPanel } from "./SuggestionPanel";
import { useStore } from "./use-store";

export function Annotator() {
  const { layer, state } = usePredictionLayer();
  const [desk] = useState(() => new Desk(new Annotations(), layer));
  const stored = useStore(desk.annotations);
  useEffect(() => void desk.annotations.load(), [desk]);
  useHistoryKeys(desk);
  useComingAndGoing(desk);
  return (
    <div className="annotator">
      <main>
        <ChartBar desk={desk} stored={stored} />
        <ModeBar desk={desk} stored={stored} />
        {stored.error !== null && (
          <p role="alert" className="problem">
            {stored.error}
            <button type="button" onClick={() => desk.annotations.dismissError()}>
              Close message
            </button>
          </p>
        )}
        <ChartNotices stored={stored} />
        <ChartPane desk={desk} stored={stored} />
      </main>
      <aside aria-label="Panels">
        <ErrorBoundary name="Predictions" mend={() => layer.refresh()}>
          <PredictionPanel desk={desk} state={state} hasCandles={stored.candles.length > 0} />
        </ErrorBoundary>
        <SelectionPanel desk={desk} stored={stored} layer={state} />
        <ErrorBoundary name="Suggestions" mend={() => desk.guide.ask()}>
          <SuggestionPanel desk={desk} stored={stored} layer={state} />
          <QuestionPanel desk={desk} stored={stored} layer={state} />
        </ErrorBoundary>
        <DisagreementPanel desk={desk} runs={state.runs} stored={stored} />
        <AnnotationPanel desk={desk} stored={stored} />
        {stored.chart !== null && <ChartPanel key={stored.chart.id} desk={desk} chart={stored.chart} />}
        <LabelPanel desk={desk} labels={stored.labels} />
        <HelpPanel />
      </aside>
    </div>
  );
}

function useHistoryKeys(desk: Desk) {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.matches("input:not([type=checkbox]), textarea");
      if (!typing && historyKey(desk, event)) event.preventDefault();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [desk]);
}

/** Whoever comes back sees what was done elsewhere; whoever leaves loses no note. */
function useComingAndGoing(desk: Desk) {
  useEffect(() => {
    const look = () => void (document.visibilityState === "visible" && desk.annotations.refresh());
    const leave = () => desk.notes.leave();
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
      window.removeEventListener("pagehide", leave);
    };
  }, [desk]);
}
