import type { Principal } from "../contracts/call-context.ts";
import { CodedError } from "../contracts/errors.ts";
import { REQUEST_ID_HEADER, TRACEPARENT_HEADER, type QuotaHeaders } from "../contracts/internal-request.ts";
import { parseGrpcTimeout } from "../resilience/deadline.ts";
import { randomHex } from "../platform/random-hex.ts";
import { continueTrace, formatTraceparent } from "../platform/trace.ts";

/** What belongs to one request on its way through the gateway. */
export interface GatewayScope {
  readonly requestId: string;
  readonly traceparent: string;
  readonly startedAtMs: number;
  /** Set by authentication; null on routes that need none. */
  principal: Principal | null;
  /** The route's path as the table writes it, for the log; null while no route has matched. */
  routePath: string | null;
  /** The route's deadline, ms since the epoch; set as soon as the route is known. */
  deadlineAtMs: number;
  /** Whether the client asked for less time than its route has. */
  isHurried: boolean;
  /** What the RateLimit headers of the answer say; null on routes without a limit. */
  quota: QuotaHeaders | null;
  /** What went wrong, for the one log line. */
  failure: unknown;
}

const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;
const TIMEOUT_HINT = /^[1-9][0-9]{0,8}$/;

/** Opens the scope: keeps the caller's request id if it is a good one, continues the caller's trace if there is one. */
export function openScope(headers: Headers, nowMs: number): GatewayScope {
  const given = headers.get(REQUEST_ID_HEADER);
  return {
    requestId: given !== null && REQUEST_ID.test(given) ? given : randomHex(16),
    traceparent: formatTraceparent(continueTrace(headers.get(TRACEPARENT_HEADER), randomHex)),
    startedAtMs: nowMs,
    principal: null,
    routePath: null,
    deadlineAtMs: Number.POSITIVE_INFINITY,
    isHurried: false,
    quota: null,
    failure: null,
  };
}

/** The time a request may take: the route's, or less where the client has less patience. Throws `MALFORMED` for an odd hint. */
export function timeoutOf(headers: Headers, routeTimeoutMs: number): number {
  const hint = headers.get("x-request-timeout-ms");
  if (hint === null) return Math.min(routeTimeoutMs, grpcTimeoutMsOf(headers));
  if (!TIMEOUT_HINT.test(hint)) throw new CodedError("MALFORMED", "X-Request-Timeout-Ms must be a whole number of milliseconds above 0");
  return Math.min(routeTimeoutMs, Number(hint));
}

/** What gRPC clients and meshes call the same; infinity where it is absent. */
function grpcTimeoutMsOf(headers: Headers): number {
  const text = headers.get("grpc-timeout");
  if (text === null) return Number.POSITIVE_INFINITY;
  const timeoutMs = parseGrpcTimeout(text);
  if (timeoutMs === null) throw new CodedError("MALFORMED", "grpc-timeout must be digits and a unit, such as 250m");
  return timeoutMs;
}
