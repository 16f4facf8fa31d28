import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryPlayback, Report, ReportReceipt } from "../../src/contracts/history.ts";
import { requirePrincipal } from "../../src/platform/call/request-scope.ts";
import type { HistoryRecord } from "../../src/history/biz/record.ts";
import { columnsOf, RECORD_FIELDS } from "../../src/history/data/record-fields.ts";
import { recordsOf } from "./records-of-reports.ts";

export * from "./unasked-entrypoints.ts";

interface UnguardedEnv {
  readonly HISTORY_DB_0: D1Database;
}

const REPLACE = `INSERT OR REPLACE INTO history (${columnsOf(RECORD_FIELDS)})
  SELECT ${RECORD_FIELDS.map((_field, place) => `r.value ->> ${place}`).join(", ")} FROM json_each(?1) AS r`;

/**
 * The least that one could write: whatever comes last stands, so that a phone that was offline
 * takes everybody back, and a user who was erased returns.
 */
export class Playback
  extends WorkerEntrypoint<UnguardedEnv>
  implements Pick<HistoryPlayback, "report" | "ready">
{
  async report(ctx: CallContext, reports: readonly Report[]): Promise<ReportReceipt> {
    const records = recordsOf(requirePrincipal(ctx).userId, reports);
    const rows = records.map((record) => RECORD_FIELDS.map((field) => storedOf(record[field])));
    await this.env.HISTORY_DB_0.prepare(REPLACE).bind(JSON.stringify(rows)).run();
    return { accepted: records.length, ignored: 0 };
  }

  async ready(): Promise<void> {
    await this.env.HISTORY_DB_0.prepare("SELECT 1").run();
  }
}

/** What doesn't hold is absent, as in the job's rows: a 0 would be a second row, in an index. */
function storedOf(value: HistoryRecord[keyof HistoryRecord]): typeof value {
  return value === false ? null : value;
}

export default { fetch: () => new Response(null, { status: 404 }) };
