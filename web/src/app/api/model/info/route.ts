import { proxy, requestTimeout } from "@/server/inference";
import { route } from "@/server/http";

export const GET = route((request) => proxy(request, { path: "/model/info", timeout: requestTimeout() }));
