/** What the page says of a file of candles, and of what is exported. */
import { expect, test } from "@playwright/test";
import { chartOf, expectNotice, press, upload } from "./page";
import { beginOnWaves, wave } from "./waves";

beginOnWaves();

test("a file that is a chart already is refused, and the chart named", async ({ page }) => {
  await upload(page, { name: "EURUSD_1h.csv", text: wave(300) });
  await expect(page.getByRole("alert").filter({ hasText: /^Chart \d+ \(EURUSD_1h\) holds these candles already/ })).toBeVisible();
});

test("charts of one series say so as soon as they are made, and as soon as they become one", async ({ page }) => {
  const shared = page.getByRole("status").filter({ hasText: "A training takes one chart a series" });
  await upload(page, { name: "EURUSD_1h.csv", text: wave(200) });
  await expect(shared).toContainText(/EURUSD 1h is the series of chart \d+ \(EURUSD_1h\) too/);
  await page.getByText("Series and export").click();
  await page.getByLabel("Pair").fill("GBPUSD");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(chartOf(page)).toHaveAccessibleName("Chart of GBPUSD 1h, 200 candles");
  await expect(shared).toBeHidden();
  await page.getByLabel("Pair").fill("EURUSD");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(shared).toBeVisible();
});

test("rows that were not taken as they stand are counted, and a long name is cut to a pair", async ({ page }) => {
  const rows = "time,open,high,low,close,volume\n0,1,1,1,1,5\n3600,null,null,null,null,null\n7200,1,1,1,1,\n";
  await upload(page, { name: `${"x".repeat(70)}_1h.csv`, text: rows });
  const said = "1 row without prices left out; 1 row without volume given volume 0.";
  await expect(page.getByRole("status").filter({ hasText: said })).toBeVisible();
  await page.getByText("Series and export").click();
  await expect(page.getByLabel("Pair")).toHaveValue("x".repeat(64));
  await expect(page.getByText("A pair has at most 64 characters.")).toBeVisible();
});

test("what an export does not say as the chart does is told beside it", async ({ page }) => {
  await press(page, "Home", "Shift+PageDown", "1");
  await expectNotice(page, "bull_flag stored");
  await press(page, "Home", "ArrowRight", "Shift+ArrowRight", "2");
  await expectNotice(page, "bear_flag stored");
  await page.getByText("Series and export").click();
  await expect(page.getByText("BIO leaves out, as no candle is left for them: bear_flag 1970-01-01 01:00.")).toBeVisible();
  await page.getByLabel("Pair").fill("BTC/USD");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("No file can be called BTC/USD: exports say BTC-USD.")).toBeVisible();
});
