import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

/** Measures and prints; asserts no times. */
export default defineConfig({ ...tests, testDir: "benchmarks", testMatch: "*.bench.ts", timeout: 600_000 });
