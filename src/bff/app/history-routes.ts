import type { Hono } from "hono";
import {
  changesQuerySchema,
  continueQuerySchema,
  listQuerySchema,
  lookupSchema,
  type HistoryPlayback,
} from "../../contracts/history.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { readJson, readQuery } from "../../platform/validate.ts";
import { addByHandRoutes } from "./by-hand-routes.ts";
import { addExportRoute } from "./export-route.ts";
import { addReportRoute, type ReportRouteDeps } from "./report-route.ts";

interface HistoryRoutesDeps extends ReportRouteDeps {
  readonly history: GuardedRpc<HistoryPlayback>;
}

/**
 * The history routes of api.md: validate, ask the history service for the caller's own, answer.
 * Those that read are here.
 */
export function addHistoryRoutes(app: Hono<BffEnv>, deps: HistoryRoutesDeps): void {
  const { history } = deps;
  addReportRoute(app, deps);
  addByHandRoutes(app, history);
  addExportRoute(app, history);

  app.get("/v1/history", async function listHistory(c) {
    const scope = permitted(c.env.scope, "history:own");
    const query = readQuery(c.req.url, listQuerySchema);
    return answerJson(
      c,
      await history.read(scope, "list history", (service, ctx) => service.list(ctx, query)),
    );
  });

  app.get("/v1/history/continue", async function continueWatching(c) {
    const scope = permitted(c.env.scope, "history:own");
    const { limit } = readQuery(c.req.url, continueQuerySchema);
    return answerJson(
      c,
      await history.read(scope, "list what to continue", (service, ctx) =>
        service.continueWatching(ctx, limit),
      ),
    );
  });

  app.post("/v1/history/lookup", async function lookUpItems(c) {
    const scope = permitted(c.env.scope, "history:own");
    const { items } = await readJson(c.req.raw, lookupSchema);
    return answerJson(
      c,
      await history.read(scope, "look up items", (service, ctx) => service.lookup(ctx, items)),
    );
  });

  app.get("/v1/history/changes", async function listChanges(c) {
    const scope = permitted(c.env.scope, "history:own");
    const query = readQuery(c.req.url, changesQuerySchema);
    return answerJson(
      c,
      await history.read(scope, "list changes", (service, ctx) => service.changes(ctx, query)),
    );
  });
}
