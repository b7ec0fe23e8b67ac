import { defineConfig } from "@playwright/test";

/** The browser is the system's: none is downloaded. Limits leave room for a machine that does ten other things. */
export default defineConfig({
  testDir: "e2e",
  workers: 1,
  timeout: 300_000,
  expect: { timeout: 60_000 },
  reporter: "list",
  globalSetup: "./e2e/check-setup.ts",
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 800 },
    trace: "retain-on-failure",
    launchOptions: { executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
  },
});
