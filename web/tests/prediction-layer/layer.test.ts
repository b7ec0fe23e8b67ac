import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  PredictionLayer,
  ServiceError,
  type ModelChoice,
  type PredictionClient,
  type PredictResponse,
} from "@/prediction-layer";
import type { PredictBody } from "@/prediction-layer/requests";
import { at, model, row, series, span } from "./parts";

interface Asked {
  body: PredictBody;
  signal: AbortSignal;
  answer: (version?: string) => void;
  fail: (error: Error) => void;
}

/** A service whose answers the test sends when it likes. */
class ManualService implements PredictionClient {
  asked: Asked[] = [];
  served = model("1");
  status: Error | null = null;
  stored: PredictResponse["candles"] | null = null;
  storedBy = "1";
  rows = (body: PredictBody) => body.candles.time.map((time) => row(time / 60));

  predict = (body: PredictBody, signal: AbortSignal) =>
    new Promise<PredictResponse>((resolve, reject) => {
      const candles = this.rows(body).filter((each) => each.time >= body.predict_from);
      const answer = (version = this.served.model_info.model_version) =>
        resolve({
          model_name: "patterns",
          model_version: version,
          run_id: `run-${version}`,
          spans: [span(1, 2), span(3, 4, "wedge", 0.75)],
          candles,
          required_history: 0,
          insufficient_history: 0,
        });
      this.asked.push({ body, signal, answer, fail: reject });
    });

  outOfFold = () =>
    this.stored === null
      ? Promise.reject(new ServiceError("There is no such route", 404, false))
      : Promise.resolve({
          model_version: this.storedBy,
          run_id: `run-${this.storedBy}`,
          candles: this.stored,
          spans: [span(0, 0, "wedge", 0.4)],
        });

  modelInfo = () => (this.status === null ? Promise.resolve(this.served) : Promise.reject(this.status));
  models = () => Promise.resolve([]);
  suggestions = () => Promise.reject(new ServiceError("There is no such route", 404, false));
  loadModel = (choice: ModelChoice) => {
    if ("version" in choice) this.served = model(choice.version);
    return Promise.resolve();
  };
}

let service: ManualService;
let layer: PredictionLayer;

const range = (first: number, last: number) => ({ start: at(first), end: at(last) });

async function settled() {
  await vi.advanceTimersByTimeAsync(0);
}

async function predicted(first: number, last: number) {
  layer.viewChanged(range(first, last));
  void layer.predictVisible();
  await settled();
  service.asked.at(-1)?.answer();
  await settled();
}

beforeEach(async () => {
  vi.useFakeTimers();
  service = new ManualService();
  layer = new PredictionLayer({ client: service });
  await layer.refresh();
  layer.setSeries(series(100));
});
afterEach(() => vi.useRealTimers());

describe("predicting", () => {
  it("shows the answer for the visible range", async () => {
    await predicted(10, 19);
    const { prediction, progress, runs } = layer.getState();
    expect(prediction?.range).toEqual(range(10, 19));
    expect(prediction?.rows).toHaveLength(10);
    expect(progress).toBeNull();
    expect(runs).toHaveLength(0);
  });

  it("asks for the whole chart with threshold 0", async () => {
    void layer.predictAll();
    await settled();
    expect(service.asked[0]?.body).toMatchObject({ threshold: 0, predict_from: 0 });
    expect(service.asked[0]?.body.candles.time).toHaveLength(100);
  });

  it("asks for nothing that a cached answer covers", async () => {
    await predicted(10, 39);
    await predicted(15, 20);
    expect(service.asked).toHaveLength(1);
    expect(layer.getState().prediction?.range).toEqual(range(10, 39));
  });

  it("asks for nothing when filters change", async () => {
    await predicted(0, 9);
    expect(layer.getState().runs.map((run) => run.label)).toEqual(["flag", "wedge"]);
    layer.setThreshold(0.8);
    expect(layer.getState().runs.map((run) => run.label)).toEqual(["flag"]);
    layer.showLabel("flag", false);
    expect(layer.getState()).toMatchObject({ runs: [], bands: [] });
    layer.showLabel("flag", true);
    layer.useOwnThresholds(true);
    expect(layer.getState().bands).toHaveLength(1);
    expect(service.asked).toHaveLength(1);
  });

  it("aborts a request that a newer one replaces, and never shows its answer", async () => {
    layer.viewChanged(range(0, 9));
    void layer.predictVisible();
    await settled();
    await predicted(50, 59);
    expect(service.asked[0]?.signal.aborted).toBe(true);
    service.asked[0]?.answer();
    await settled();
    expect(layer.getState().prediction?.range).toEqual(range(50, 59));
  });

  it("drops the answer for a series that is no longer shown", async () => {
    layer.viewChanged(range(0, 9));
    void layer.predictVisible();
    await settled();
    layer.setSeries(series(100, "chart:2"));
    service.asked[0]?.answer();
    await settled();
    expect(layer.getState().prediction).toBeNull();
  });

  it("asks about the model first where nobody has yet", async () => {
    layer = new PredictionLayer({ client: service });
    layer.viewChanged(range(10, 19));
    layer.setSeries(series(100));
    await predicted(10, 19);
    expect(layer.getState().prediction?.range).toEqual(range(10, 19));
  });

  it("keeps the view when another series is shown at the same place, and asks for nothing where that has no candles", async () => {
    await predicted(50, 59);
    layer.setSeries(series(40, "chart:2"));
    await layer.predictVisible();
    expect(layer.getState()).toMatchObject({ prediction: null, progress: null });
    layer.setSeries(series(100, "chart:3"));
    void layer.predictVisible();
    await settled();
    expect(service.asked.map(({ body }) => body.predict_from)).toEqual([at(50), at(50)]);
  });

  it("tells how far a prediction of many candles is", async () => {
    layer.setSeries(series(45_000, "chart:long"));
    void layer.predictAll();
    for (const done of [20_000, 40_000]) {
      await settled();
      service.asked.at(-1)?.answer();
      await settled();
      expect(layer.getState().progress).toEqual({ done, total: 45_000 });
    }
    service.asked.at(-1)?.answer();
    await settled();
    expect(layer.getState().prediction?.rows).toHaveLength(45_000);
  });

  it("shows out-of-fold values for in-sample candles where the service has them", async () => {
    service.rows = () => [row(0, "flag", 1, { status: "in_sample" })];
    service.stored = [row(0, "wedge", 0.4)];
    await predicted(0, 9);
    layer.setThreshold(0.4);
    expect(layer.getState().bands).toEqual([{ label: "wedge", start: 0, end: 0, look: "out_of_fold" }]);
    expect(layer.getState().runs).toMatchObject([{ label: "wedge", look: "out_of_fold" }, { start: at(1) }, { start: at(3) }]);
  });

  it("takes no out-of-fold values of another model", async () => {
    service.rows = () => [row(0, "flag", 1, { status: "in_sample" })];
    service.stored = [row(0, "wedge", 0.4)];
    service.storedBy = "2";
    await predicted(0, 9);
    expect(layer.getState().prediction).toBeNull();
    expect(service.asked).toHaveLength(2);
  });

  it("shows in-sample values where the service has no others", async () => {
    service.rows = () => [row(0, "flag", 1, { status: "in_sample" })];
    await predicted(0, 9);
    expect(layer.getState().bands).toEqual([{ label: "flag", start: 0, end: 0, look: "in_sample" }]);
  });
});

describe("predicting by itself", () => {
  it("waits until the view rests and asks for half a screen more on both sides", async () => {
    layer.viewChanged(range(40, 49));
    layer.setAuto(true);
    layer.viewChanged(range(41, 50));
    layer.viewChanged(range(42, 51));
    await vi.advanceTimersByTimeAsync(200);
    const last = service.asked.at(-1);
    last?.answer();
    await settled();
    expect(layer.getState().prediction?.range).toEqual(range(37, 56));
    layer.viewChanged(range(45, 54));
    await vi.advanceTimersByTimeAsync(200);
    expect(service.asked.at(-1)).toBe(last);
  });

  it("asks about another series at the same place", async () => {
    layer.viewChanged(range(40, 49));
    layer.setAuto(true);
    await settled();
    service.asked[0]?.answer();
    layer.setSeries(series(100, "chart:2"));
    await vi.advanceTimersByTimeAsync(200);
    expect(service.asked).toHaveLength(2);
  });

  it("does nothing while it is off", async () => {
    layer.viewChanged(range(40, 49));
    await vi.advanceTimersByTimeAsync(1000);
    expect(service.asked).toHaveLength(0);
  });
});

describe("the model", () => {
  it("drops what the one before said", async () => {
    await predicted(0, 9);
    await layer.loadModel({ version: "2" });
    expect(layer.getState()).toMatchObject({ prediction: null, runs: [], model: model("2") });
    await predicted(0, 9);
    expect(service.asked).toHaveLength(2);
    expect(layer.getState().prediction?.modelVersion).toBe("2");
  });

  it("keeps what is shown while the same one is served", async () => {
    await predicted(0, 9);
    await layer.refresh();
    expect(layer.getState().prediction).not.toBeNull();
  });

  it("is the one that was told last, whichever answer comes last", async () => {
    let answerSlowly: () => void = () => undefined;
    const slow = new Promise<ReturnType<typeof model>>((resolve) => (answerSlowly = () => resolve(model("1"))));
    vi.spyOn(service, "modelInfo").mockReturnValueOnce(slow);
    const first = layer.refresh();
    service.served = model("2");
    await layer.refresh();
    answerSlowly();
    await first;
    expect(layer.getState().model?.model_info.model_version).toBe("2");
  });

  it("is asked about again when an answer comes from another one", async () => {
    layer.viewChanged(range(0, 9));
    void layer.predictVisible();
    await settled();
    service.served = model("2");
    service.asked[0]?.answer("2");
    await settled();
    service.asked[1]?.answer("2");
    await settled();
    expect(layer.getState()).toMatchObject({ model: model("2"), prediction: { modelVersion: "2" } });
  });

  it("keeps serving when another one is refused", async () => {
    service.loadModel = () => Promise.reject(new ServiceError("version 9: not there", 404, false));
    await layer.loadModel({ version: "9" });
    expect(layer.getState()).toMatchObject({ error: "version 9: not there", service: "ready", model: model("1") });
  });

  it("serves on when its versions cannot be listed", async () => {
    service.models = () => Promise.reject(new ServiceError("the registry is away", 503, false));
    await layer.refresh();
    expect(layer.getState()).toMatchObject({
      service: "ready",
      serviceDetail: "The versions cannot be listed: the registry is away",
    });
  });
});

describe("the service", () => {
  const away = new ServiceError("Inference service unavailable", 503, true);

  it("is looked at every 30 seconds, away or back", async () => {
    const stop = layer.start();
    service.status = away;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(layer.getState()).toMatchObject({ service: "offline", serviceDetail: "Inference service unavailable" });
    service.status = null;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(layer.getState()).toMatchObject({ service: "ready", serviceDetail: "" });
    stop();
    service.status = away;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(layer.getState().service).toBe("ready");
  });

  it("keeps what is shown when it goes away", async () => {
    await predicted(0, 9);
    void layer.predictAll();
    await settled();
    service.asked.at(-1)?.fail(away);
    await settled();
    expect(layer.getState()).toMatchObject({ service: "offline", progress: null, prediction: { range: range(0, 9) } });
  });

  it("says why a request is refused", async () => {
    void layer.predictAll();
    await settled();
    service.asked[0]?.fail(new ServiceError("timeframe: 1m", 422, false));
    await settled();
    expect(layer.getState()).toMatchObject({ error: "timeframe: 1m", service: "ready", progress: null });
  });

  it("says why it cannot be used, keeps what is shown, and is back when it can", async () => {
    await predicted(0, 9);
    for (const [looking, prediction] of [[layer, { range: range(0, 9) }], [new PredictionLayer({ client: service }), null]] as const) {
      service.status = new ServiceError("The service refuses the key", 401, false);
      await looking.refresh();
      expect(looking.getState()).toMatchObject({ service: "failing", serviceDetail: "The service refuses the key", prediction });
      service.status = null;
      await looking.refresh();
      expect(looking.getState()).toMatchObject({ service: "ready", serviceDetail: "", model: model("1") });
    }
  });

  it("says that it has no model", async () => {
    const empty = new PredictionLayer({ client: service });
    service.status = new ServiceError("no model is registered: train one", 503, false);
    await empty.refresh();
    expect(empty.getState()).toMatchObject({
      service: "no_model",
      serviceDetail: "no model is registered: train one",
    });
  });
});
