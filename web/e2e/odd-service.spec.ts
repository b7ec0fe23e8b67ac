/** What the page does where a service answers that is not the one it should be. The service here says what it is told to. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, type Page } from "@playwright/test";
import { chartOf, expectNotice, press, upload } from "./page";
import { startAnnotator, temporaryFolder, type Running } from "./stack";
import { wave } from "./waves";

interface Answer {
  status: number;
  content: unknown;
}

const PANEL = "section[aria-labelledby=predictions]";
const MODEL = {
  model_info: { ...{ model_name: "patterns", model_version: "2", model_type: "odd", run_id: "run-2" }, trained_at: 0, label_names: ["flag"] },
  metrics: { accuracy: 1, f1_macro: 1, per_class: {} },
  label_config: [{ name: "flag", color: "#112233", threshold: 0.5 }],
  required_history: 0,
  follows: "champion",
};
const MODELS = ["2", "1"].map((version) => ({ version, model_type: "odd", trained_at: 0, aliases: version === "2" ? ["champion"] : [] }));

let service: Server;
let annotator: Running;
let temporary: ReturnType<typeof temporaryFolder>;
let answers: Record<string, Answer>;
let asked: string[];

const fine = (content: unknown): Answer => ({ status: 200, content });

test.beforeAll(async () => {
  temporary = temporaryFolder();
  service = createServer((request, response) => {
    const { status, content } = answers[request.url ?? ""] ?? { status: 404, content: "<html>" };
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString().slice(0, 100)}`.trim());
      response.writeHead(status).end(typeof content === "string" ? content : JSON.stringify(content));
    });
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  annotator = await startAnnotator(temporary.folder, `http://127.0.0.1:${(service.address() as AddressInfo).port}`);
});
test.afterAll(async () => {
  await annotator.stop();
  service.closeAllConnections();
  service.close();
  temporary.remove();
});
test.beforeEach(() => {
  asked = [];
  answers = { "/model/info": fine(MODEL), "/models": fine({ model_name: "patterns", models: MODELS }) };
});

/** The page with a chart of its own; nothing on it may end it. */
async function begin(page: Page, name: string): Promise<string[]> {
  const failures: string[] = [];
  page.on("pageerror", (error) => failures.push(error.message));
  await page.goto(annotator.url);
  await upload(page, { name: `${name}_1h.csv`, text: wave(50) });
  return failures;
}

const something = "The answer to /model/info is not that of a candle-ml service";
const noObject = "Inference service answers no JSON object; INFERENCE_API_URL may name another server";
const refused = "The service refuses the key; set INFERENCE_API_KEY to the one that it was started with";

for (const [name, answer, message] of [
  ["HTML", fine("<html>"), noObject],
  ["a list", fine([]), noObject],
  ["null", fine(null), noObject],
  ["an empty object", fine({}), `${something}: model_info is missing or wrong`],
  ["an older model", fine({ ...MODEL, metrics: null }), `${something}: metrics is missing or wrong`],
  ["401", { status: 401, content: { detail: "no key" } }, refused],
  ["403", { status: 403, content: "<html>" }, refused],
  ["500", { status: 500, content: "<html>" }, "Inference service failed with status 500; its log says why"],
] as const) {
  test(`${name} in place of the model is told, annotating goes on, and it may be tried again`, async ({ page }) => {
    answers["/model/info"] = answer;
    const failures = await begin(page, name.replaceAll(" ", ""));
    const banner = page.locator(`${PANEL} .banner`);
    await expect(banner).toContainText(`${message}. Annotating goes on`);
    await expect(page.getByRole("button", { name: "Predict all" })).toBeDisabled();
    await press(page, "End", "Shift+ArrowLeft", "1");
    await expectNotice(page, "bull_flag stored");
    answers["/model/info"] = fine(MODEL);
    await banner.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("definition").filter({ hasText: /^patterns$/ })).toBeVisible();
    await expect(banner).toBeHidden();
    expect(failures).toEqual([]);
  });
}

test("an odd answer to a prediction is told and predicts nothing", async ({ page }) => {
  const failures = await begin(page, "PREDICT");
  for (const odd of [{}, { ...{ model_version: "2", run_id: "run-2" }, candles: [null], spans: [] }]) {
    answers["/predict"] = fine(odd);
    await page.getByRole("button", { name: "Predict all" }).click();
    await expect(page.locator(`${PANEL} [role=alert]`)).toContainText("The answer to /predict is not that of a candle-ml service");
    await expect(page.getByText("Nothing is predicted yet.")).toBeVisible();
  }
  expect(failures).toEqual([]);
});

test("an odd answer to what to annotate next is told, and it may be asked again", async ({ page }) => {
  const route = "/suggest?pair=SUGGEST&timeframe=1h&limit=100";
  answers[route] = fine({ model_version: "2", suggestions: [null], review: [] });
  const failures = await begin(page, "SUGGEST");
  const [suggestions, questions] = [page.getByRole("region", { name: "Annotate next" }), page.getByRole("region", { name: "Labels to check" })];
  for (const list of [suggestions, questions]) {
    await expect(list).toContainText("The answer to /suggest is not that of a candle-ml service: suggestions[0] is missing or wrong.");
    await expect(list.getByRole("button", { name: "Next" })).toBeDisabled();
  }
  const heights = async () => [await suggestions.boundingBox(), await questions.boundingBox()].map((box) => box?.height);
  const before = await heights();
  answers[route] = fine({ model_version: "2", suggestions: [], review: [] });
  await suggestions.getByRole("button", { name: "Ask again" }).click();
  await expect(suggestions).toContainText("Nothing is left to suggest: train again for more.");
  await expect(questions).toContainText("No label on this chart looks wrong.");
  expect(await heights()).toEqual(before);
  expect(failures).toEqual([]);
});

test("a panel that fails leaves the page, and is back when it is tried again", async ({ page }) => {
  await begin(page, "FAILING");
  await expect(page.getByRole("definition").filter({ hasText: /^patterns$/ })).toBeVisible();
  await page.evaluate(() => {
    const layer = window.annotator?.desk.layer as unknown as { change: (part: object) => void; getState: () => { model: object } };
    layer.change({ model: { ...layer.getState().model, metrics: null } });
  });
  const failed = page.getByRole("region", { name: "Predictions" });
  await expect(failed).toContainText("Predictions cannot be shown:");
  await press(page, "End", "Shift+ArrowLeft", "1");
  await expectNotice(page, "bull_flag stored");
  await failed.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("definition").filter({ hasText: /^patterns$/ })).toBeVisible();
});

test("walking through the versions loads none before Enter", async ({ page }) => {
  await begin(page, "SERVING");
  const version = page.getByLabel("Serve version");
  await expect(version).toHaveValue("alias:champion");
  answers["/model/load"] = fine({ model_version: "1" });
  await version.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await expect(version).toHaveValue("1");
  await page.keyboard.press("Tab");
  await expect(chartOf(page)).toBeVisible();
  expect(asked.filter((line) => line.startsWith("POST"))).toEqual([]);
  answers["/model/info"] = fine({ ...MODEL, follows: null, model_info: { ...MODEL.model_info, model_version: "1" } });
  await version.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("nothing: pinned")).toBeVisible();
  expect(asked.filter((line) => line.startsWith("POST"))).toEqual(['POST /model/load {"version":"1"}']);
  await expect(version).toHaveValue("1");
});
