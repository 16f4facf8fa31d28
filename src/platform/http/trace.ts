/**
 * What version 00 knows, and behind it, after a dash, what a later version may have added (W3C
 * Trace Context, 3.2.2 and 4.3).
 */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROES = /^0+$/;
const OWN_VERSION = "00";
const INVALID_VERSION = "ff";
/**
 * Sampled, and a trace id made at random. Other bits have no meaning that we know, so they are not
 * passed on.
 */
const FLAGS_KNOWN = 0b11;

/** A position in a W3C trace: which trace, which span of it, and whether it is sampled. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
}

/**
 * Reads a `traceparent` header; null where it is absent or not valid, as the W3C recommendation
 * asks. Of a later version what 00 knows is read.
 */
export function parseTraceparent(header: string | null): TraceContext | null {
  const match = header === null ? null : TRACEPARENT.exec(header);
  const [, version, traceId, spanId, flags, more] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  if (version === INVALID_VERSION || (version === OWN_VERSION && more !== undefined)) return null;
  if (ZEROES.test(traceId) || ZEROES.test(spanId)) return null;
  return { traceId, spanId, flags: (Number.parseInt(flags, 16) & FLAGS_KNOWN).toString(16).padStart(2, "0") };
}

/**
 * A new span of the caller's trace, or of a new trace where the caller has none. `randomHex(n)`
 * gives n bytes in hex.
 */
export function continueTrace(
  parent: TraceContext | null,
  randomHex: (bytes: number) => string,
): TraceContext {
  return { traceId: parent?.traceId ?? randomHex(16), spanId: randomHex(8), flags: parent?.flags ?? "01" };
}

/** The `traceparent` of a new trace, for what belongs to no request's. */
export function newTraceparent(randomHex: (bytes: number) => string): string {
  return formatTraceparent(continueTrace(null, randomHex));
}

export function formatTraceparent(trace: TraceContext): string {
  return `${OWN_VERSION}-${trace.traceId}-${trace.spanId}-${trace.flags}`;
}
