import { batchTimeout, proxy } from "@/server/inference";
import { route } from "@/server/http";
import { rowsFor } from "@/server/old-rows";

export const POST = route((request) =>
  proxy(request, {
    path: "/predict/batch",
    timeout: batchTimeout(),
    late: { status: 504, error: "Batch prediction timed out" },
    rewrite: rowsFor(request),
  }),
);
