import { proxy, requestTimeout } from "@/server/inference";
import { route } from "@/server/http";

export const GET = route((request) => proxy(request, { path: "/model/out-of-fold", timeout: requestTimeout(), query: ["pair", "timeframe", "start", "end", "threshold"] }));
