import { proxy, requestTimeout } from "@/server/inference";
import { only, route } from "@/server/http";

export const GET = route((request) => proxy(request, { path: "/suggest", timeout: requestTimeout(), query: ["pair", "timeframe", "limit"] }));

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");
