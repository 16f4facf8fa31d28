import type { Hono } from "hono";
import type { HistoryOperations } from "../../contracts/history.ts";
import { redriveRejectedSchema, rejectedQuerySchema } from "../../contracts/rejected.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { readJson, readQuery } from "../../platform/validate.ts";

interface HistoryRoutesDeps {
  readonly history: GuardedRpc<HistoryOperations>;
}

/**
 * What operators see and do about the history. `ops-app.ts` has checked the permission of each
 * route; history logs who changed something.
 */
export function addHistoryRoutes(app: Hono<BffEnv>, { history }: HistoryRoutesDeps): void {
  app.post("/v1/ops/history/flush", async function flushHistory(c) {
    return answerJson(
      c,
      await history.idempotentWrite(c.env.scope, "flush the history", (service, ctx) => service.flush(ctx)),
      202,
    );
  });

  app.get("/v1/ops/rejected", async function listRejected(c) {
    const query = readQuery(c.req.url, rejectedQuerySchema);
    return answerJson(
      c,
      await history.read(c.env.scope, "read rejected records", (service, ctx) =>
        service.rejected(ctx, query),
      ),
    );
  });

  app.post("/v1/ops/rejected/redrive", async function redriveRejected(c) {
    const order = await readJson(c.req.raw, redriveRejectedSchema);
    // Each redrive is logged with who ordered it, so that none is made twice.
    return answerJson(
      c,
      await history.write(c.env.scope, "redrive rejected records", (service, ctx) =>
        service.redriveRejected(ctx, order),
      ),
    );
  });
}
