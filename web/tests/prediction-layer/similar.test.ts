import { expect, it } from "vitest";
import { PredictionLayer, type PredictionClient, type PredictResponse } from "@/prediction-layer";
import type { PredictBody } from "@/prediction-layer/requests";
import { similarTo } from "@/prediction-layer/similar";
import { at, model, prediction, row, run, series, similar, span } from "./parts";

const alive = () => new AbortController().signal;

/** A service that predicts one flag over candles 10 to 14, of which all candles are in sample. */
class Service implements PredictionClient {
  asked: PredictBody[] = [];
  served = model("1", 20);

  predict = (body: PredictBody): Promise<PredictResponse> => {
    this.asked.push(body);
    const spans = [{ ...span(10, 14), ...(body.include ? { similar: [similar(7, 2, 5)] } : {}) }];
    const candles = body.candles.time.map((time) => row(time / 60, "flag", 0.9, { status: "in_sample" }));
    const { model_name, model_version, run_id } = this.served.model_info;
    return Promise.resolve({ model_name, model_version, run_id, spans, candles, required_history: 20, insufficient_history: 0 });
  };
  outOfFold = () => Promise.reject(new Error("nobody asks for what is stored"));
  suggestions = () => Promise.reject(new Error("nobody asks for suggestions"));
  modelInfo = () => Promise.resolve(this.served);
  models = () => Promise.resolve([]);
  loadModel = () => Promise.resolve();
}

async function begin(): Promise<{ service: Service; layer: PredictionLayer }> {
  const service = new Service();
  const layer = new PredictionLayer({ client: service });
  await layer.refresh();
  layer.setSeries(series(1000));
  return { service, layer };
}

it("asks for the pattern's candles and their context alone, once", async () => {
  const { service, layer } = await begin();
  expect(await layer.similarTo(run(10, 14), alive())).toEqual([similar(7, 2, 5)]);
  expect(await layer.similarTo(run(10, 14), alive())).toEqual([similar(7, 2, 5)]);
  expect(service.asked).toHaveLength(1);
  expect(service.asked[0]).toMatchObject({ include: ["similar"], predict_from: at(0) });
  expect(service.asked[0]?.candles.time).toHaveLength(14 + 1 + 2 * 20);
  expect(layer.getState().prediction).toBeNull();
});

it("a prediction does not ask for them", async () => {
  const { service, layer } = await begin();
  service.outOfFold = () => Promise.resolve({ model_version: "1", run_id: "run-1", candles: [], spans: [] }) as never;
  await layer.predictAll();
  expect(service.asked[0]).not.toHaveProperty("include");
});

it("knows nothing where another model answers, which the layer then has", async () => {
  const { service, layer } = await begin();
  service.served = model("2", 20);
  expect(await layer.similarTo(run(10, 14), alive())).toEqual([]);
  expect(layer.getState().model?.model_info.model_version).toBe("2");
  expect(await layer.similarTo(run(10, 14), alive())).toEqual([similar(7, 2, 5)]);
});

it("takes those of the span of that label that shares most with the pattern", () => {
  const spans = [
    { ...span(0, 11), similar: [similar(1, 2, 5)] },
    { ...span(10, 16), similar: [similar(2, 2, 5)] },
    { ...span(10, 14, "wedge"), similar: [similar(3, 2, 5)] },
    { ...span(15, 90), similar: [similar(4, 2, 5)] },
  ];
  expect(similarTo(run(10, 14), prediction(0, 99, { spans }))).toEqual([similar(2, 2, 5)]);
  expect(similarTo(run(95, 99), prediction(0, 99, { spans }))).toEqual([]);
  expect(similarTo(run(10, 14), prediction(0, 99, { spans: [span(10, 14)] }))).toEqual([]);
});
