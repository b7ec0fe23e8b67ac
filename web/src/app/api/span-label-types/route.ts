import { newLabelType } from "@/server/bodies";
import { database, writing } from "@/server/database";
import { only, route } from "@/server/http";
import { readJson } from "@/server/json";
import { createLabelType, listLabelTypes } from "@/server/label-types";

export const dynamic = "force-dynamic";

export const GET = route(async () => Response.json(await listLabelTypes(await database())));

export const POST = route(async (request) => {
  const wanted = await readJson(request, newLabelType);
  return Response.json(await writing((db) => createLabelType(db, wanted)), { status: 201 });
});

export const { PUT, PATCH, DELETE, OPTIONS } = only("GET", "POST");
