import type { ViewingTraceOptions } from "../../../testbed/viewing/viewing-trace.ts";

/** The one trace that is quoted: three windows of the write-back long. */
export function traceOf(viewers: number): ViewingTraceOptions {
  return { seed: 16, viewers, lengthMs: 15 * 60_000 };
}
