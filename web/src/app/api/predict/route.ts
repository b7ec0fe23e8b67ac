import { requestTimeout, proxy } from "@/server/inference";
import { route } from "@/server/http";
import { rowsFor } from "@/server/old-rows";

export const POST = route((request) =>
  proxy(request, { path: "/predict", timeout: requestTimeout(), rewrite: rowsFor(request) }),
);
