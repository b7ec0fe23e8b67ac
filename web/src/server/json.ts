/** JSON bodies, checked before anything is done with them. */
import type { z } from "zod";
import { readBytes, RequestError } from "./http";

const JSON_LIMIT = 1 << 20;
const MOST_LEVELS = 32; // fewer than readers of the exports take
const MOST_PROBLEMS_NAMED = 5;

/** The JSON body as the schema has it. Throws `RequestError` (400, 413) that names each wrong field. */
export async function readJson<Schema extends z.ZodType>(request: Request, schema: Schema): Promise<z.output<Schema>> {
  const bytes = await readBytes(request, JSON_LIMIT);
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new RequestError(400, "The body is not JSON");
  }
  if (isDeeper(content, MOST_LEVELS)) throw new RequestError(400, `The body has more than ${MOST_LEVELS} levels`);
  return checked(schema, content);
}

function isDeeper(content: unknown, levels: number): boolean {
  if (typeof content !== "object" || content === null) return false;
  return levels === 0 || Object.values(content).some((part) => isDeeper(part, levels - 1));
}

function checked<Schema extends z.ZodType>(schema: Schema, content: unknown): z.output<Schema> {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const named = result.error.issues.slice(0, MOST_PROBLEMS_NAMED);
  throw new RequestError(400, named.map((issue) => [...issue.path, issue.message].join(": ")).join("; "));
}
