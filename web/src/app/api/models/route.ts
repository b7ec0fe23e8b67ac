import { proxy, requestTimeout } from "@/server/inference";
import { only, route } from "@/server/http";

export const GET = route((request) => proxy(request, { path: "/models", timeout: requestTimeout() }));

export const { POST, PUT, PATCH, DELETE, OPTIONS } = only("GET");
