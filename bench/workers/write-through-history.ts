import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { Report, ReportReceipt } from "../../src/contracts/history.ts";
import { requirePrincipal } from "../../src/platform/call/request-scope.ts";
import { HybridClock } from "../../src/history/biz/hybrid-clock.ts";
import { ReportStamp } from "../../src/history/biz/report-stamp.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";

interface WriteThroughEnv {
  readonly HISTORY_DB_0: D1Database;
}

const stamp = new ReportStamp({
  clock: new HybridClock(),
  now: Date.now,
  onBackgroundFailure: (what, error) => console.error(what, error),
});

/**
 * What a team would write without shards: every report goes to D1 before it is answered, dated as
 * shards date theirs, and by the very statement that the job uses.
 */
export class Playback extends WorkerEntrypoint<WriteThroughEnv> {
  async report(ctx: CallContext, reports: readonly Report[]): Promise<ReportReceipt> {
    const { userId } = requirePrincipal(ctx);
    const latestMs = stamp.latestMs();
    const records = reports.map((report) => stamp.stamp(userId, report, latestMs));
    await d1HistoryWriter(this.env.HISTORY_DB_0, Date.now).upsert(records);
    return { accepted: records.length, ignored: 0 };
  }

  async ready(): Promise<void> {
    await this.env.HISTORY_DB_0.prepare("SELECT 1").run();
  }
}

/** Identity's binding needs the entrypoint to be there; the benchmark erases nobody. */
export class Erasure extends WorkerEntrypoint<WriteThroughEnv> {
  async erase(): Promise<void> {
    throw new Error("the write-through candidate erases nobody");
  }
}

/** Likewise for the ops BFF. */
export class Operations extends WorkerEntrypoint<WriteThroughEnv> {}

export default { fetch: () => new Response(null, { status: 404 }) };
