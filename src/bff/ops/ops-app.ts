import type { MiddlewareHandler } from "hono";
import { createBff, type BffEnv, type BffFetch, type BffOptions } from "../../platform/bff/bff-app.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import { addAvailabilityRoutes, type AvailabilityRoutesDeps } from "./availability-routes.ts";
import { addHistoryRoutes } from "./history-routes.ts";
import { addLedgerRoutes } from "./ledger-routes.ts";
import { addMessageRoutes } from "./message-routes.ts";
import { addPushRoutes, type PushRoutesDeps } from "./push-routes.ts";
import { addReconcileRoute, type ReconcileRouteDeps } from "./reconcile-route.ts";
import { addOpsRoutes, type OpsRoutesDeps } from "./routes.ts";

interface OpsAppOptions extends Pick<BffOptions, "verifyInternalToken" | "logger" | "now"> {
  readonly services: Omit<OpsRoutesDeps, "now"> & PushRoutesDeps;
  readonly availability: Omit<AvailabilityRoutesDeps, "now">;
  readonly reconciliation: Omit<ReconcileRouteDeps, "now">;
}

const READING = new Set(["GET", "HEAD"]);

/** A GET needs `ops:read`, everything else `ops:write`, also on routes that are added later. */
const byMethod: MiddlewareHandler<BffEnv> = async function checkPermission(c, next) {
  permitted(c.env.scope, READING.has(c.req.method) ? "ops:read" : "ops:write");
  await next();
};

/** The operators' routes of the public contract. */
export function createOpsApp({
  services,
  availability,
  reconciliation,
  now,
  ...options
}: OpsAppOptions): BffFetch {
  const { history, identity, ledgers, realtime } = services;
  return createBff({
    ...options,
    now,
    checkReady: (scope) => identity.read(scope, "check identity", (service, ctx) => service.ready(ctx)),
    addRoutes(app) {
      app.use(byMethod);
      addOpsRoutes(app, { history, identity, ledgers, now });
      addHistoryRoutes(app, { history });
      addLedgerRoutes(app, { ledgers, identity });
      addReconcileRoute(app, { ...reconciliation, now });
      addMessageRoutes(app, { ledgers, identity });
      addPushRoutes(app, { realtime });
      addAvailabilityRoutes(app, { ...availability, now });
    },
  });
}
