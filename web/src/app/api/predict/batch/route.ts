import { batchTimeout, proxy } from "@/server/inference";
import { only, route } from "@/server/http";
import { rowsFor } from "@/server/old-rows";

export const POST = route((request) =>
  proxy(request, {
    path: "/predict/batch",
    timeout: batchTimeout(),
    late: { status: 504, error: "Batch prediction timed out" },
    rewrite: rowsFor(request),
  }),
);

export const { GET, PUT, PATCH, DELETE, OPTIONS } = only("POST");
