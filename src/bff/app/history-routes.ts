import type { Hono } from "hono";
import { continueQuerySchema, listQuerySchema, lookupSchema, reportsSchema, type HistoryPlayback } from "../../contracts/history.ts";
import type { BffEnv } from "../../platform/bff-app.ts";
import type { GuardedRpc } from "../../platform/guarded-rpc.ts";
import { readJson, readQuery } from "../../platform/validate.ts";

/** The history routes of api.md: validate, ask the history service for the caller's own, answer. */
export function addHistoryRoutes(app: Hono<BffEnv>, history: GuardedRpc<HistoryPlayback>): void {
  app.post("/v1/history/reports", async function postReports(c) {
    const { scope, every } = c.env;
    const { reports } = await readJson(c.req.raw, reportsSchema);
    return every.json(await history.write(scope, "report playback", (service, ctx) => service.report(ctx, reports)), scope);
  });

  app.get("/v1/history", async function listHistory(c) {
    const { scope, every } = c.env;
    const query = readQuery(c.req.url, listQuerySchema);
    return every.json(await history.read(scope, "list history", (service, ctx) => service.list(ctx, query)), scope);
  });

  app.get("/v1/history/continue", async function continueWatching(c) {
    const { scope, every } = c.env;
    const { limit } = readQuery(c.req.url, continueQuerySchema);
    return every.json(await history.read(scope, "list what to continue", (service, ctx) => service.continueWatching(ctx, limit)), scope);
  });

  app.post("/v1/history/lookup", async function lookUpItems(c) {
    const { scope, every } = c.env;
    const { items } = await readJson(c.req.raw, lookupSchema);
    return every.json(await history.read(scope, "look up items", (service, ctx) => service.lookup(ctx, items)), scope);
  });
}
