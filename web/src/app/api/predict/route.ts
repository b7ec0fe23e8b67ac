import { requestTimeout, proxy } from "@/server/inference";
import { only, route } from "@/server/http";
import { rowsFor } from "@/server/old-rows";

export const POST = route((request) =>
  proxy(request, { path: "/predict", timeout: requestTimeout(), rewrite: rowsFor(request) }),
);

export const { GET, PUT, PATCH, DELETE, OPTIONS } = only("POST");
