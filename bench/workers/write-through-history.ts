import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryPlayback, Report, ReportReceipt } from "../../src/contracts/history.ts";
import { requirePrincipal } from "../../src/platform/call/request-scope.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { recordsOf } from "./records-of-reports.ts";

export * from "./unasked-entrypoints.ts";

interface WriteThroughEnv {
  readonly HISTORY_DB_0: D1Database;
}

/**
 * What a team would write without shards: every report goes to D1 before it is answered, by the
 * very statement that the job uses.
 */
export class Playback
  extends WorkerEntrypoint<WriteThroughEnv>
  implements Pick<HistoryPlayback, "report" | "ready">
{
  async report(ctx: CallContext, reports: readonly Report[]): Promise<ReportReceipt> {
    const records = recordsOf(requirePrincipal(ctx).userId, reports);
    await d1HistoryWriter(this.env.HISTORY_DB_0, Date.now).upsert(records);
    return { accepted: records.length, ignored: 0 };
  }

  async ready(): Promise<void> {
    await this.env.HISTORY_DB_0.prepare("SELECT 1").run();
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
