const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const ZEROES = /^0+$/;

/** A position in a W3C trace: which trace, which span of it, and whether it is sampled. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
}

/** Reads a `traceparent` header; null where it is absent or not valid, as the W3C recommendation asks. */
export function parseTraceparent(header: string | null): TraceContext | null {
  const match = header === null ? null : TRACEPARENT.exec(header);
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return ZEROES.test(traceId) || ZEROES.test(spanId) ? null : { traceId, spanId, flags };
}

/** A new span of the caller's trace, or of a new trace where the caller has none. `randomHex(n)` gives n bytes in hex. */
export function continueTrace(header: string | null, randomHex: (bytes: number) => string): TraceContext {
  const parent = parseTraceparent(header);
  return { traceId: parent?.traceId ?? randomHex(16), spanId: randomHex(8), flags: parent?.flags ?? "01" };
}

export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.flags}`;
}
