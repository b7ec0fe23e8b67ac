import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import * as missing from "@/app/api/[[...path]]/route";
import * as charts from "@/app/api/charts/route";
import * as spans from "@/app/api/span-annotations/route";
import * as upload from "@/app/api/upload/route";
import { beginEmpty, call } from "./calls";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const ROUTES = readdirSync("src/app/api", { recursive: true, encoding: "utf-8" }).filter((name) => /route\.ts$/.test(name));

beginEmpty();

it.each(ROUTES)("%s answers every method", async (name) => {
  const handlers = (await import(path.resolve("src/app/api", name))) as Record<string, unknown>;
  expect(Object.keys(handlers)).toEqual(expect.arrayContaining([...METHODS]));
});

it("says which methods a route has to one that it has not", async () => {
  const { status, body, headers } = await call(charts.DELETE, "DELETE", "charts");
  expect({ status, body }).toEqual({ status: 405, body: { error: "DELETE is not possible here; possible: GET, HEAD, OPTIONS" } });
  expect(headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  const told = await call(upload.OPTIONS, "OPTIONS", "upload");
  expect([told.status, told.headers.get("allow")]).toEqual([204, "POST, OPTIONS"]);
});

it.each(METHODS)("says to %s that there is no such route", async (method) => {
  const { status, body } = await call(missing[method], method, "chart/7");
  expect({ status, body }).toEqual({ status: 404, body: { error: "There is no route /api/chart/7" } });
});

it.each([
  ["label=", "label is empty; leave it out or give it a value"],
  ["source=%20&label=x", "source is empty; leave it out or give it a value"],
])("deletes no spans by ?%s", async (query, error) => {
  expect(await call(spans.DELETE, "DELETE", `span-annotations?${query}`)).toMatchObject({ status: 400, body: { error } });
});
