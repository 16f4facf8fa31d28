import type { TraceRequest } from "../../../testbed/viewing/viewing-trace.ts";
import { send, type Api, type Headers } from "../cost/clients.ts";

/** Sends what the trace has of one call. The trace began at `startMs`, by the client's clock. */
export async function sendCall(
  api: Api,
  { viewer, isLate, reports }: TraceRequest,
  { headers, startMs }: { readonly headers: Headers; readonly startMs: number },
): Promise<void> {
  const body = {
    reports: reports.map(({ kind, itemId, positionMs, durationMs, event, deviceId, watchedAtMs }) => {
      const report = { kind, itemId, positionMs, durationMs, event, deviceId };
      return isLate ? { ...report, at: startMs + watchedAtMs } : report;
    }),
  };
  await send(api, viewer, "POST", "/v1/history/reports", { headers, body });
}

export function reportsIn(calls: readonly TraceRequest[]): number {
  return calls.reduce((sum, { reports }) => sum + reports.length, 0);
}
