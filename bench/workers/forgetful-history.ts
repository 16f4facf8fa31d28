import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryPlayback, Report, ReportReceipt } from "../../src/contracts/history.ts";

export * from "./unasked-entrypoints.ts";

/** Keeps nothing and calls nobody: no history behind the same gateway and BFF can be faster. */
export class Playback extends WorkerEntrypoint<object> implements Pick<HistoryPlayback, "report" | "ready"> {
  async report(_ctx: CallContext, reports: readonly Report[]): Promise<ReportReceipt> {
    return { accepted: reports.length, ignored: 0 };
  }

  async ready(): Promise<void> {
    // There is nothing that could be away.
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
