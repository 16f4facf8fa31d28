import type { Hono } from "hono";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { RequestScope } from "../../platform/call/request-scope.ts";
import type { Clock } from "../../resilience/clock.ts";
import { reconcile } from "./reconcile.ts";
import type { ReconcilableLedgers } from "./transfer-walk.ts";

export interface ReconcileRouteDeps {
  readonly ledgersOf: (scope: RequestScope) => ReconcilableLedgers;
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Whether the books balance, for an operator who waits for the answer. */
export function addReconcileRoute(app: Hono<BffEnv>, { ledgersOf, now, sleep }: ReconcileRouteDeps): void {
  app.get("/v1/ops/reconcile", async function showReconciliation(c) {
    return answerJson(c, await reconcile({ ledgers: ledgersOf(c.env.scope), now, sleep }));
  });
}
