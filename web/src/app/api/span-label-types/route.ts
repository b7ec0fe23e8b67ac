import { newLabelType } from "@/server/bodies";
import { database, writing } from "@/server/database";
import { readJson, route } from "@/server/http";
import { createLabelType, listLabelTypes } from "@/server/label-types";

export const dynamic = "force-dynamic";

export const GET = route(async () => Response.json(await listLabelTypes(await database())));

export const POST = route(async (request) => {
  const wanted = await readJson(request, newLabelType);
  return Response.json(await writing((db) => createLabelType(db, wanted)), { status: 201 });
});
