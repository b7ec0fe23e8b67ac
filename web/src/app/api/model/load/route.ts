import { batchTimeout, proxy } from "@/server/inference";
import { only, route } from "@/server/http";

export const POST = route((request) => proxy(request, { path: "/model/load", timeout: batchTimeout() }));

export const { GET, PUT, PATCH, DELETE, OPTIONS } = only("POST");
