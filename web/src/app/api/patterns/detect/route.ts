import { proxy, requestTimeout } from "@/server/inference";
import { route } from "@/server/http";

export const POST = route((request) => proxy(request, { path: "/patterns/detect", timeout: requestTimeout() }));
