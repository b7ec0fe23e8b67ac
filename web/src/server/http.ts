/** What every route shares: errors as `{error}`, bodies with a limit, and no writing from foreign web pages. */
import { createHash } from "node:crypto";

/** Ends a request with a status and `{error: message}`. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Params<Names extends string = "id"> {
  params: Promise<Record<Names, string>>;
}

type Handler<Context> = (request: Request, context: Context) => Promise<Response>;

/** The handler with its errors turned into answers. */
export function route<Context>(handler: Handler<Context>): Handler<Context> {
  return async (request, context) => {
    try {
      refuseForeignHost(request.headers.get("host"));
      refuseForeignWriter(request);
      return await handler(request, context);
    } catch (error) {
      if (error instanceof RequestError) return errorResponse(error.status, error.message);
      console.error(error);
      return errorResponse(500, "The annotator has failed; its log says why");
    }
  };
}

/** What a route answers to the methods that it has not: 405 with those that it has, which OPTIONS tells too. */
export function only(...offered: string[]) {
  const Allow = [...offered, ...(offered.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
  const refuse = route(async ({ method }) =>
    Response.json({ error: `${method} is not possible here; possible: ${Allow}` }, { status: 405, headers: { Allow } }),
  );
  const tell = route(async () => new Response(null, { status: 204, headers: { Allow } }));
  return { GET: refuse, POST: refuse, PUT: refuse, PATCH: refuse, DELETE: refuse, OPTIONS: tell };
}

/** The content as JSON with a tag of it; only the tag (304) for a caller who has that content already. */
export function taggedJson(request: Request, content: unknown): Response {
  const body = JSON.stringify(content);
  const tag = `W/"${createHash("sha256").update(body).digest("base64url")}"`;
  const headers = { ETag: tag, "Cache-Control": "no-cache" };
  if (request.headers.get("if-none-match") === tag) return new Response(null, { status: 304, headers });
  return new Response(body, { headers: { ...headers, "Content-Type": "application/json" } });
}

export function errorResponse(status: number, error: string): Response {
  return Response.json({ error }, { status });
}

/**
 * A name with dots may belong to somebody who lets it lead here, to read and write as a page of the same origin: such
 * names must be listed in `ANNOTATOR_ALLOWED_HOSTS`. Addresses and names without dots are this network's own.
 */
function refuseForeignHost(host: string | null): void {
  const name = (host ?? "").replace(/:\d+$/, "").toLowerCase();
  const isOwn = !name.includes(".") || /^[\d.]+$/.test(name) || name.startsWith("[");
  const listed = (process.env["ANNOTATOR_ALLOWED_HOSTS"] ?? "").toLowerCase().split(/[\s,]+/);
  if (!isOwn && !listed.includes(name)) throw new RequestError(421, `The annotator is not reached by the name ${name}`);
}

/** A page of another site may not write here through its visitor's browser. */
function refuseForeignWriter(request: Request): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const site = request.headers.get("sec-fetch-site");
  const foreign = site === null ? hasForeignOrigin(request.headers) : site !== "same-origin" && site !== "none";
  if (foreign) throw new RequestError(403, "Pages of another origin may not write here");
}

function hasForeignOrigin(headers: Headers): boolean {
  const origin = headers.get("origin");
  if (origin === null) return false;
  const host = headers.get("x-forwarded-host") ?? headers.get("host");
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

/** The bytes of the body. Throws `RequestError` (413) as soon as there are too many. */
export async function readBytes(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = new RequestError(413, `The body has more than ${limit} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** The whole number at the end of a route. Throws `RequestError` (400). */
export async function pathId(context: Params): Promise<number> {
  const { id } = await context.params;
  const number = wholeNumber(id);
  if (number === undefined) throw new RequestError(400, `"${id.slice(0, 40)}" is no id`);
  return number;
}

/** The text of a query parameter; undefined where it is absent. Throws `RequestError` (400) where it is empty. */
export function queryText(request: Request, name: string): string | undefined {
  const text = new URL(request.url).searchParams.get(name);
  if (text?.trim() === "") throw new RequestError(400, `${name} is empty; leave it out or give it a value`);
  return text ?? undefined;
}

/** The whole number of a query parameter; undefined where it is absent. Throws `RequestError` (400). */
export function queryNumber(request: Request, name: string): number | undefined {
  const text = new URL(request.url).searchParams.get(name);
  if (text === null || text === "") return undefined;
  const number = wholeNumber(text);
  if (number === undefined) throw new RequestError(400, `${name} "${text.slice(0, 40)}" is no whole number`);
  return number;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
