import { batchTimeout, proxy } from "@/server/inference";
import { route } from "@/server/http";

export const POST = route((request) => proxy(request, { path: "/model/load", timeout: batchTimeout() }));
