import { defineConfig, globalIgnores } from "eslint/config";
import next from "eslint-config-next/core-web-vitals";
import typescript from "eslint-config-next/typescript";

export default defineConfig([
  globalIgnores([".next/", "node_modules/", "next-env.d.ts", "migrations/", "test-results/", "playwright-report/"]),
  ...next,
  ...typescript,
  {
    rules: {
      "max-lines": ["error", 350],
      "max-lines-per-function": ["error", { max: 50, skipBlankLines: true, skipComments: true, IIFEs: true }],
      "no-console": ["error", { allow: ["error"] }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      eqeqeq: ["error", "always"],
    },
  },
  { files: ["tests/**", "e2e/**", "benchmarks/**"], rules: { "max-lines-per-function": "off" } },
  { files: ["benchmarks/**"], rules: { "no-console": "off" } },
]);
