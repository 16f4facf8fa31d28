import type { Principal } from "../contracts/call-context.ts";
import { clientKindOf, type ClientKind } from "../contracts/client-kind.ts";
import { CodedError } from "../contracts/errors.ts";
import {
  REQUEST_ID_HEADER,
  TRACEPARENT_HEADER,
  TRACESTATE_HEADER,
  type QuotaHeaders,
} from "../contracts/internal-request.ts";
import { parseGrpcTimeout } from "../resilience/deadline.ts";
import { randomHex } from "../platform/random-hex.ts";
import type { HangUp } from "../platform/call/patience.ts";
import { readTracestate } from "../platform/http/trace-state.ts";
import { continueTrace, formatTraceparent, parseTraceparent } from "../platform/http/trace.ts";
import type { Route } from "./routes.ts";

/** What belongs to one request on its way through the gateway. */
export interface GatewayScope {
  readonly requestId: string;
  readonly traceparent: string;
  /**
   * What others have noted on the caller's trace; null where there is nothing, or no trace that
   * goes on.
   */
  readonly tracestate: string | null;
  /**
   * The URL that is routed, allowed, forwarded and logged, so that all of them mean the same one:
   * path and query as the parser normalises them, under a host that says nothing, since what a
   * client calls us is of no use to anybody inside. Null where what came is no URL. A ticket is
   * taken out of it before anybody else sees it.
   */
  url: string | null;
  /** Its path, escaped. */
  readonly path: string;
  readonly startedAtMs: number;
  /** What the client says it runs on; null where it says nothing that is known. */
  readonly clientKind: ClientKind | null;
  /** Fires when the client hangs up. */
  readonly hangUp: HangUp;
  /** Set by authentication; null on routes that need none. */
  principal: Principal | null;
  /** The row of the table that has matched, for the log; null while none has. */
  route: Pick<Route, "path" | "timeoutMs"> | null;
  /**
   * How many requests each log line about this one stands for, on its way through all workers; null
   * where only what goes wrong is told.
   */
  logWeight: number | null;
  /** The route's deadline, ms since the epoch; set as soon as the route is known. */
  deadlineAtMs: number;
  /**
   * Whether the client leaves less time than its route has: it asked for less, or took a good part
   * itself.
   */
  isHurried: boolean;
  /** What the RateLimit headers of the answer say; null on routes without a limit. */
  quota: QuotaHeaders | null;
  /** What went wrong, for the one log line. */
  failure: unknown;
}

/** The Hono environment of the gateway: each request's scope is under `c.env.scope`. */
export interface GatewayHonoEnv {
  Bindings: { readonly scope: GatewayScope };
}

const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;
/**
 * An integer as structured fields write one (RFC 9651, 3.3.1), above 0; parameters have no defined
 * meaning and are ignored.
 */
const TIMEOUT_HINT = /^0*([1-9][0-9]{0,14})(?: *;.*)?$/;
/**
 * A URL of a host that is one for certain, in whose path and query there is nothing to normalise:
 * no dots that may be steps, no escapes, no sign with a meaning.
 */
const PLAIN_URL =
  /^https?:\/\/(?:(?!xn--)[a-z0-9-]+\.)*(?:(?!xn--)[a-z][a-z0-9-]*|127\.0\.0\.1)(?::[1-5]?[0-9]{1,4})?(\/[\w/-]*)(\?[\w.=&-]+)?$/;
const OWN_HOST = "http://playhead";

/**
 * Opens the scope: keeps the caller's request id if it is a good one, continues the caller's trace
 * if there is one. Throws nothing, whatever came.
 */
export function openScope(request: Request, nowMs: number): GatewayScope {
  const { headers } = request;
  const given = headers.get(REQUEST_ID_HEADER);
  const parent = parseTraceparent(headers.get(TRACEPARENT_HEADER));
  const url = pathAndQueryOf(request.url);
  return {
    requestId: given !== null && REQUEST_ID.test(given) ? given : randomHex(16),
    traceparent: formatTraceparent(continueTrace(parent, randomHex)),
    tracestate: parent === null ? null : readTracestate(headers.get(TRACESTATE_HEADER)),
    url: url === null ? null : `${OWN_HOST}${url.path}${url.query}`,
    path: url?.path ?? "/",
    startedAtMs: nowMs,
    clientKind: clientKindOf(headers),
    hangUp: request,
    principal: null,
    route: null,
    logWeight: null,
    deadlineAtMs: Number.POSITIVE_INFINITY,
    isHurried: false,
    quota: null,
    failure: null,
  };
}

/**
 * Path and query as the URL parser normalises them; null for what it takes for no URL. What is
 * plain is its own normal form and nearly all there is: it goes without the parser, whose object
 * costs more than the rest of the scope.
 */
export function pathAndQueryOf(href: string): { readonly path: string; readonly query: string } | null {
  const [, path, query = ""] = PLAIN_URL.exec(href) ?? [];
  if (path !== undefined) return { path, query };
  const url = URL.parse(href);
  return url === null ? null : { path: url.pathname, query: url.search };
}

/**
 * The time a request may take: the route's, or less where the client has less patience. Throws
 * `MALFORMED` for an odd hint.
 */
export function timeoutOf(headers: Headers, routeTimeoutMs: number): number {
  const hint = headers.get("x-request-timeout-ms");
  if (hint === null) return Math.min(routeTimeoutMs, grpcTimeoutMsOf(headers));
  const hintMs = TIMEOUT_HINT.exec(hint)?.[1];
  if (hintMs === undefined)
    throw new CodedError("MALFORMED", "X-Request-Timeout-Ms must be a whole number of milliseconds above 0");
  return Math.min(routeTimeoutMs, Number(hintMs));
}

/** What gRPC clients and meshes call the same; infinity where it is absent. */
function grpcTimeoutMsOf(headers: Headers): number {
  const text = headers.get("grpc-timeout");
  if (text === null) return Number.POSITIVE_INFINITY;
  const timeoutMs = parseGrpcTimeout(text);
  if (timeoutMs === null)
    throw new CodedError("MALFORMED", "grpc-timeout must be digits and a unit, such as 250m");
  return timeoutMs;
}
