import { existsSync } from "node:fs";

/** Says what is missing before any test runs into it. */
export default function checkSetup(): void {
  if (!existsSync(".next/BUILD_ID")) throw new Error("no build: run `npm run build` first");
}
