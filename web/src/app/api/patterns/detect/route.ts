import { proxy, requestTimeout } from "@/server/inference";
import { only, route } from "@/server/http";

export const POST = route((request) => proxy(request, { path: "/patterns/detect", timeout: requestTimeout() }));

export const { GET, PUT, PATCH, DELETE, OPTIONS } = only("POST");
