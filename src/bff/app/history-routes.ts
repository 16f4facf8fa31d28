import type { Hono } from "hono";
import {
  continueQuerySchema,
  listQuerySchema,
  lookupSchema,
  reportsSchema,
  type HistoryPlayback,
  type Report,
  type ReportReceipt,
} from "../../contracts/history.ts";
import { readReportBatch, type ReportBatch } from "../../contracts/report-batch.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import { tellWait } from "../../platform/http/wait-on-purpose.ts";
import { readJson, readQuery } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";

interface HistoryRoutesDeps {
  readonly history: GuardedRpc<HistoryPlayback>;
  /** The same, for reports, which may wait on purpose. */
  readonly reports: GuardedRpc<HistoryPlayback>;
  readonly now: Clock;
}

/** The history routes of api.md: validate, ask the history service for the caller's own, answer. */
export function addHistoryRoutes(app: Hono<BffEnv>, { history, reports, now }: HistoryRoutesDeps): void {
  app.post("/v1/history/reports", async function postReports(c) {
    const scope = permitted(c.env.scope, "history:own");
    const batch = readReportBatch((await readJson(c.req.raw, reportsSchema)).reports);
    // Before the first attempt, and never again: a report that were dated when its retry arrives
    // would overtake what another device said meanwhile.
    const dated = datedBy(now(), batch.reports);
    const { waitedMs = 0, ...receipt } = await reports.idempotentWrite(
      scope,
      "report playback",
      (service, ctx) => service.report(ctx, dated),
    );
    return tellWait(answerJson(c, receiptOf(batch, receipt)), waitedMs);
  });

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
}

/**
 * One time for the whole batch, so that among its reports on one item the last wins, as it was
 * sent. Nobody dates ahead.
 */
function datedBy(nowMs: number, reports: readonly Report[]): readonly Report[] {
  return reports.map((report) => ({ ...report, at: Math.min(report.at ?? nowMs, nowMs) }));
}

/**
 * What history says of the reports it was given, and what it was not given. A history of a later
 * version may reject some more, by their places among those.
 */
function receiptOf(
  { places, rejected }: ReportBatch,
  { rejected: further = [], ...receipt }: ReportReceipt,
): ReportReceipt {
  const all = [
    ...rejected,
    ...further.map(({ index, ...fault }) => ({ index: places[index] ?? index, ...fault })),
  ];
  return all.length === 0 ? receipt : { ...receipt, rejected: all.toSorted((a, b) => a.index - b.index) };
}
