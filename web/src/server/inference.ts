/** The way to the inference service: one constant address, the key added here, nothing of either in an answer. */
import { errorResponse, readBytes, RequestError } from "./http";

export const UNAVAILABLE = "Inference service unavailable";
const REFUSED = "The service refuses the key; set INFERENCE_API_KEY to the one that it was started with";
const OTHER_SERVER = "INFERENCE_API_URL may name another server";

const DEFAULT_URL = "http://127.0.0.1:8001";
const DEFAULT_BODY_LIMIT = 32 << 20;

export interface Call {
  path: string;
  /** Milliseconds until the whole answer must be there. */
  timeout: number;
  /** Query parameters that are passed on; all others are dropped. */
  query?: string[];
  /** The answer to a call that took too long; without it the service counts as unavailable. */
  late?: { status: number; error: string };
  /** Changes the JSON of a success. */
  rewrite?: ((answer: unknown) => unknown) | undefined;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

export const requestTimeout = () => positive("INFERENCE_API_TIMEOUT", 30_000);
export const batchTimeout = () => positive("INFERENCE_BATCH_TIMEOUT", 120_000);

function positive(name: string, usual: number): number {
  const value = Number(process.env[name]);
  return Number.isInteger(value) && value > 0 ? value : usual;
}

/** Sends the request on and its answer back; errors carry an `error` member beside the members of the problem. */
export async function proxy(request: Request, call: Call): Promise<Response> {
  const init: RequestInit = { method: request.method };
  if (request.method === "POST") init.body = await readBytes(request, bodyLimit());
  const late = AbortSignal.timeout(call.timeout);
  try {
    const answer = await ask(call.path + passedQuery(request, call.query), init, AbortSignal.any([request.signal, late]));
    return answer.status < 300 ? success(answer, call.rewrite) : failure(answer);
  } catch (error) {
    if (error instanceof RequestError) throw error;
    if (late.aborted) return errorResponse(call.late?.status ?? 503, call.late?.error ?? UNAVAILABLE);
    if (!request.signal.aborted) console.error(`${call.path}:`, reason(error));
    return errorResponse(503, UNAVAILABLE);
  }
}

/** One request to the service. Throws where it cannot be reached; redirects are not followed. */
export async function ask(target: string, init: RequestInit, signal: AbortSignal): Promise<Answer> {
  const headers = new Headers({ Accept: "application/json" });
  const key = process.env["INFERENCE_API_KEY"];
  if (key !== undefined && key !== "") headers.set("Authorization", `Bearer ${key}`);
  if (init.body !== undefined) headers.set("Content-Type", "application/json");
  const base = (process.env["INFERENCE_API_URL"] ?? DEFAULT_URL).replace(/\/+$/, "");
  const response = await fetch(base + target, { ...init, headers, signal, redirect: "manual", cache: "no-store" });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

function bodyLimit(): number {
  return positive("INFERENCE_BODY_LIMIT", DEFAULT_BODY_LIMIT);
}

function passedQuery(request: Request, names: string[] = []): string {
  const given = new URL(request.url).searchParams;
  const passed = new URLSearchParams(names.flatMap((name) => given.getAll(name).map((value) => [name, value])));
  return passed.size > 0 ? `?${passed}` : "";
}

function success(answer: Answer, rewrite: Call["rewrite"]): Response {
  const content = parsedObject(answer.text);
  if (content === undefined) return errorResponse(502, `Inference service answers no JSON object; ${OTHER_SERVER}`);
  const body = rewrite === undefined ? answer.text : JSON.stringify(rewrite(content));
  return new Response(body, { status: answer.status, headers: { "Content-Type": "application/json" } });
}

function failure(answer: Answer): Response {
  if (answer.status < 400) return errorResponse(502, "Inference service redirects; its address is not the right one");
  const headers = new Headers({ "Content-Type": "application/problem+json" });
  const retryAfter = answer.headers.get("retry-after");
  if (retryAfter !== null) headers.set("Retry-After", retryAfter);
  const content = { ...parsedObject(answer.text), error: explanation(answer) };
  return new Response(JSON.stringify(content), { status: answer.status, headers });
}

/** What an answer that is no success says, or what its status says to do. */
export function explanation({ status, text }: Answer): string {
  if (status === 401) return REFUSED;
  const { detail, title } = parsedObject(text) ?? {};
  const told = [detail, title].find((each) => typeof each === "string" && each !== "");
  if (typeof told === "string") return told;
  if (status === 403) return REFUSED;
  return `Inference service failed with status ${status}; ${status < 500 ? OTHER_SERVER : "its log says why"}`;
}

function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return typeof content === "object" && content !== null && !Array.isArray(content) ? { ...content } : undefined;
  } catch {
    return undefined;
  }
}

/** What the log says: the cause that `fetch` hides one level down. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
