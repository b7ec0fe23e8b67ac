import { proxy, requestTimeout } from "@/server/inference";
import { only, route } from "@/server/http";

export const GET = route((request) => proxy(request, { path: "/model/out-of-fold", timeout: requestTimeout(), query: ["pair", "timeframe", "start", "end", "threshold"] }));

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");
