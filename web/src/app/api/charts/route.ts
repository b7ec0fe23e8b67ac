import { listCharts } from "@/server/charts";
import { database } from "@/server/database";
import { only, route } from "@/server/http";

export const dynamic = "force-dynamic";

export const GET = route(async () => Response.json(await listCharts(await database())));

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");
