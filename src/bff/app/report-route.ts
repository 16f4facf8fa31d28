import type { Hono } from "hono";
import { reportsSchema, type HistoryPlayback } from "../../contracts/history.ts";
import { readReportBatch, receiptOf } from "../../contracts/report-batch.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import { permitted } from "../../platform/bff/permitted.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { tellWait } from "../../platform/http/wait-on-purpose.ts";
import { readJson } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";
import { dateReports } from "../../contracts/date-reports.ts";

export interface ReportRouteDeps {
  /** History with the time for reports, which may wait on purpose. */
  readonly reports: GuardedRpc<HistoryPlayback>;
  readonly now: Clock;
}

/** What players send all day. */
export function addReportRoute(app: Hono<BffEnv>, { reports, now }: ReportRouteDeps): void {
  app.post("/v1/history/reports", async function postReports(c) {
    const scope = permitted(c.env.scope, "history:own");
    const { reports: given, sentAt } = await readJson(c.req.raw, reportsSchema);
    const batch = readReportBatch(given);
    // Before the first attempt, and never again: a report that were dated when its retry arrives
    // would overtake what another device said meanwhile.
    const dated = dateReports(batch.reports, now(), sentAt);
    const { waitedMs = 0, ...receipt } = await reports.idempotentWrite(
      scope,
      "report playback",
      (service, ctx) => service.report(ctx, dated),
    );
    return tellWait(answerJson(c, { ...receiptOf(batch, receipt), now: now() }), waitedMs);
  });
}
