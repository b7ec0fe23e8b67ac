/** What the layer's README says to copy into another app is all that has to be copied. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const LAYER = "src/prediction-layer";
const COPIED = ["src/app/api/predict", "src/app/api/model", "src/app/api/models", "src/app/api/suggest"];
const SERVER = ["inference", "old-rows", "http"];

function importedBy(file: string): string[] {
  const matches = readFileSync(file, "utf-8").matchAll(/^(?:import|export)[^;]*? from "([^"]+)";/gm);
  return [...matches].map((match) => match[1] ?? "");
}

function sourcesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf-8" });
  return names.filter((name) => /\.tsx?$/.test(name)).map((name) => `${folder}/${name}`);
}

it("the layer imports lightweight-charts, and React in one file", () => {
  const foreign = sourcesIn(LAYER).flatMap((file) => importedBy(file).filter((name) => !/^\.\/[\w-]+$/.test(name)));
  expect(foreign.sort()).toEqual(["lightweight-charts", "lightweight-charts", "react"]);
});

it("the proxy routes import the three files that are copied with them, and those each other", () => {
  const named = SERVER.map((name) => `@/server/${name}`);
  expect(COPIED.flatMap(sourcesIn).flatMap(importedBy).filter((name) => !named.includes(name))).toEqual([]);
  const beneath = SERVER.flatMap((name) => importedBy(`src/server/${name}.ts`));
  expect(beneath.filter((name) => !name.startsWith("./") && !name.startsWith("node:"))).toEqual([]);
  expect(beneath.filter((name) => name.startsWith("./")).every((name) => SERVER.includes(name.slice(2)))).toBe(true);
});

it("the README names every route and file to copy", () => {
  const readme = readFileSync(`${LAYER}/README.md`, "utf-8");
  const said = [...COPIED.map((folder) => `\`${folder}\``), ...SERVER.map((name) => `\`${name}.ts\``)];
  const files = sourcesIn(LAYER).map((file) => `\`${file.slice(LAYER.length + 1)}\``).filter((name) => name !== "`index.ts`");
  expect([...said, ...files].filter((name) => !readme.includes(name))).toEqual([]);
});
