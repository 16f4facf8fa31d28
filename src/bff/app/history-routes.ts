import type { Hono } from "hono";
import { continueQuerySchema, listQuerySchema, lookupSchema, reportsSchema, type HistoryPlayback } from "../../contracts/history.ts";
import type { BffEnv } from "../../platform/bff-app.ts";
import { callContext } from "../../platform/call-context.ts";
import { rpc } from "../../platform/rpc.ts";
import { readJson, readQuery } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";

interface HistoryRoutesDeps {
  readonly history: HistoryPlayback;
  readonly now: Clock;
}

/** The history routes of api.md: validate, ask the history service for the caller's own, answer. */
export function addHistoryRoutes(app: Hono<BffEnv>, { history, now }: HistoryRoutesDeps): void {
  app.post("/v1/history/reports", async function postReports(c) {
    const { reports } = await readJson(c.req.raw, reportsSchema);
    return c.env.every.json(await rpc("report playback", history.report(callContext(c.env.scope, now()), reports)), c.env.scope);
  });

  app.get("/v1/history", async function listHistory(c) {
    const query = readQuery(c.req.url, listQuerySchema);
    return c.env.every.json(await rpc("list history", history.list(callContext(c.env.scope, now()), query)), c.env.scope);
  });

  app.get("/v1/history/continue", async function continueWatching(c) {
    const { limit } = readQuery(c.req.url, continueQuerySchema);
    return c.env.every.json(
      await rpc("list what to continue", history.continueWatching(callContext(c.env.scope, now()), limit)),
      c.env.scope,
    );
  });

  app.post("/v1/history/lookup", async function lookUpItems(c) {
    const { items } = await readJson(c.req.raw, lookupSchema);
    return c.env.every.json(await rpc("look up items", history.lookup(callContext(c.env.scope, now()), items)), c.env.scope);
  });
}
