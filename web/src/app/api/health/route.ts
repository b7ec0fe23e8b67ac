import { sql } from "drizzle-orm";
import { database } from "@/server/database";
import { only, route } from "@/server/http";
import { inferenceHealth } from "@/server/inference-health";

export const dynamic = "force-dynamic";

/** 200 as long as the app itself works; the inference service is told apart, because annotating goes on without it. */
export const GET = route(async (request) => {
  const [app, inference] = await Promise.all([appHealth(), inferenceHealth(request.signal)]);
  return Response.json({ app, inference }, { status: app.status === "ok" ? 200 : 503 });
});

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");

async function appHealth(): Promise<{ status: "ok" | "failing"; detail: string }> {
  try {
    await (await database()).run(sql`SELECT 1`);
    return { status: "ok", detail: "the database answers" };
  } catch (error) {
    console.error(error);
    return { status: "failing", detail: "the database does not answer; the log says why" };
  }
}
