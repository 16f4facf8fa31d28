import { CodedError, codeOf, hintsOf } from "../contracts/errors.ts";
import { IDEMPOTENCY_KEY_HEADER } from "../contracts/idempotency-key.ts";
import {
  ATTEMPT_HEADER,
  audienceOf,
  CLIENT_ADDRESS_HEADER,
  DEADLINE_HEADER,
  FAILED_BELOW_HEADER,
  HURRIED_HEADER,
  INTERNAL_TOKEN_HEADER,
  NO_RETRY_HEADER,
  OVERLOADED_HEADER,
  RATE_LIMIT_HEADER,
  RATE_LIMIT_POLICY_HEADER,
  REQUEST_ID_HEADER,
  TRACEPARENT_HEADER,
  TRACESTATE_HEADER,
  type BffName,
} from "../contracts/internal-request.ts";
import type { Attempt, Guard } from "../platform/guard.ts";
import type { InternalTokenMinter } from "../platform/internal-token.ts";
import type { WorkOutcome } from "../resilience/overload-limiter.ts";
import { clientAddressOf } from "./client-key.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";

export interface ForwardDeps {
  readonly upstreams: Readonly<Record<BffName, { fetch(request: Request): Promise<Response> }>>;
  readonly guards: Readonly<Record<BffName, Guard>>;
  readonly mintInternalToken: InternalTokenMinter;
}

/**
 * Client headers that mean something to a BFF. Everything else stays outside, forged internal
 * headers above all.
 */
const FORWARDED_HEADERS = ["content-type", "idempotency-key"] as const;
const NOT_IMPLEMENTED = 501;
/** When to come back where the gateway knows no better. */
const RETRY_AFTER_DEFAULT_MS = 1_000;
/** What the gateway may need of a route's time for itself, in ms. */
const ROUTE_MARGIN_MS = 25;

/**
 * A BFF answered with an error of its own making: thrown, so that the guard counts it and may try
 * again.
 */
class FailedAnswer extends CodedError {
  constructor(response: Response, { upstream, singleUse = false }: Route) {
    const retryAfterMs = singleUse ? 0 : retryAfterMsOf(response);
    super("UNAVAILABLE", `${upstream} answered ${response.status}`, retryAfterMs > 0 ? { retryAfterMs } : {});
  }
}

/**
 * Passes a request on to its BFF in the name of its user, through the BFF's guard. Only reads are
 * tried again, and only where nobody below has done so. What goes out is made before the guard:
 * whatever is wrong with it is no fault of the BFF's.
 *
 * Throws `UNAVAILABLE` where the BFF fails, `DEADLINE_EXCEEDED` where it is late.
 */
export function forwarder({ upstreams, guards, mintInternalToken }: ForwardDeps) {
  return async function forward(
    request: Request,
    body: Uint8Array<ArrayBuffer> | null,
    route: Route,
    scope: GatewayScope,
  ): Promise<Response> {
    const { upstream } = route;
    const token = await mintInternalToken(scope.principal, audienceOf(upstream));
    const prepared = outbound(request, body, upstream, scope, token);
    const isRead = request.method === "GET" || request.method === "HEAD";
    const plan = {
      kind: isRead ? "read" : "write",
      isDear: route.isDear === true,
      idempotent: isRead,
      // A client whose answer was lost on the way asks again by its key.
      keyed: route.keyedByPath === true || request.headers.has(IDEMPOTENCY_KEY_HEADER),
      deadlineAtMs: scope.deadlineAtMs,
      isHurried: scope.isHurried,
      hangUp: scope.hangUp,
      // The time of the route is all that a BFF is granted.
      quotaMs: route.timeoutMs - ROUTE_MARGIN_MS,
      criticality: route.criticality,
      outcomeOf,
    } as const;
    let last: Response | null = null;
    try {
      return await guards[upstream].call(
        `pass a request on to the ${upstream} BFF`,
        plan,
        async (attempt) => {
          await last?.body?.cancel();
          last = null;
          last = await upstreams[upstream].fetch(attempted(prepared, attempt));
          return judge(last, route);
        },
      );
    } catch (error) {
      if (last === null || !failedByAnswer(error)) throw inviting(error, route);
      return publicAnswer(last, route, error);
    }
  };
}

/** The request as the BFF gets it, but for what differs from attempt to attempt. */
function outbound(
  request: Request,
  body: Uint8Array<ArrayBuffer> | null,
  upstream: BffName,
  scope: GatewayScope,
  token: string,
): Request {
  const { url, requestId, traceparent, tracestate, quota } = scope;
  if (url === null) throw new CodedError("MALFORMED", "The URL is none");
  const headers: Record<string, string> = {
    [INTERNAL_TOKEN_HEADER]: token,
    [REQUEST_ID_HEADER]: requestId,
    [TRACEPARENT_HEADER]: traceparent,
  };
  if (tracestate !== null) headers[TRACESTATE_HEADER] = tracestate;
  if (quota !== null) {
    headers[RATE_LIMIT_POLICY_HEADER] = quota.policy;
    headers[RATE_LIMIT_HEADER] = quota.limit;
  }
  if (upstream === "account") headers[CLIENT_ADDRESS_HEADER] = clientAddressOf(request.headers);
  for (const name of FORWARDED_HEADERS) {
    const value = request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return new Request(url, { method: request.method, headers, body, redirect: "manual" });
}

function attempted(prepared: Request, { limitMs, number, isHurried }: Attempt): Request {
  // Only what has no body is tried again.
  const outgoing = number === 1 ? prepared : new Request(prepared);
  outgoing.headers.set(DEADLINE_HEADER, String(limitMs));
  if (isHurried) outgoing.headers.set(HURRIED_HEADER, "1");
  if (number > 1) outgoing.headers.set(ATTEMPT_HEADER, String(number));
  return outgoing;
}

/** A 5xx is a failure of the BFF, unless it only passes on what has failed further down. */
function judge(response: Response, route: Route): Response {
  const { status, headers } = response;
  // A BFF of the version before says so by the other header.
  if (
    status < 500 ||
    status === NOT_IMPLEMENTED ||
    headers.has(FAILED_BELOW_HEADER) ||
    headers.has(NO_RETRY_HEADER)
  )
    return response;
  throw new FailedAnswer(response, route);
}

function outcomeOf(response: Response): WorkOutcome {
  if (response.status < 500) return "success";
  return response.headers.has(OVERLOADED_HEADER) ? "overloaded" : "failure";
}

function failedByAnswer(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof FailedAnswer) return true;
  return false;
}

/**
 * A BFF's own errors are problems and may be shown; a 5xx that isn't one comes from a crash, and
 * its body is not shown.
 */
async function publicAnswer(response: Response, route: Route, cause: unknown): Promise<Response> {
  if (response.headers.get("content-type")?.startsWith("application/problem+json") ?? false) return response;
  await response.body?.cancel();
  throw inviting(
    new CodedError("UNAVAILABLE", `${route.upstream} failed with status ${response.status}`, { cause }),
    route,
  );
}

/**
 * Adds `Retry-After` where there is none yet and a repetition does no harm: whatever has been done,
 * it can be asked for again later.
 */
function inviting(error: unknown, { singleUse = false }: Route): unknown {
  const hints = hintsOf(error);
  if (singleUse || hints.retryAfterMs !== undefined) return error;
  return new CodedError(codeOf(error), "no answer", {
    cause: error,
    ...hints,
    retryAfterMs: RETRY_AFTER_DEFAULT_MS,
  });
}

function retryAfterMsOf(response: Response): number {
  const seconds = Number(response.headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}
