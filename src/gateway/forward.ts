import { CodedError, codeOf, hintsOf } from "../contracts/errors.ts";
import { writeGatewayContext, type GatewayContext } from "../contracts/gateway-context.ts";
import { IDEMPOTENCY_KEY_HEADER } from "../contracts/idempotency-key.ts";
import {
  audienceOf,
  CONTEXT_HEADER,
  FAILED_BELOW_HEADER,
  INTERNAL_TOKEN_HEADER,
  NO_RETRY_HEADER,
  OVERLOADED_HEADER,
  SPENDING_CAP_HEADER,
  TRACEPARENT_HEADER,
  TRACESTATE_HEADER,
  type UpstreamName,
} from "../contracts/internal-request.ts";
import { spent, type AnswerFailure } from "../platform/guard/call-failure.ts";
import type { Attempt } from "../platform/guard/call-plan.ts";
import type { Guard } from "../platform/guard/guard.ts";
import { callLimitMs, remainingMs } from "../resilience/deadline.ts";
import type { Clock } from "../resilience/clock.ts";
import type { InternalTokenMinter } from "../platform/bff/internal-token.ts";
import { waitOf } from "../platform/http/wait-on-purpose.ts";
import { clientAddressOf } from "./client-key.ts";
import { continentOf } from "./continent-of.ts";
import type { RequestBody } from "./read-body.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";

export interface ForwardDeps {
  readonly upstreams: Readonly<Record<UpstreamName, { fetch(request: Request): Promise<Response> }>>;
  readonly guards: Readonly<Record<UpstreamName, Guard>>;
  readonly mintInternalToken: InternalTokenMinter;
  /** Whether a client may say on which continent it is: the var `TEST_CONTINENT`. */
  readonly takesContinent: boolean;
  readonly now: Clock;
}

/** A route that somebody behind the gateway answers. */
export interface ForwardedRoute extends Route {
  readonly upstream: UpstreamName;
}

export function isForwarded(route: Route): route is ForwardedRoute {
  return route.upstream !== "gateway";
}

/** Nothing else has come so far (read-body.ts), or it doesn't matter what. */
const JSON_TYPE = "application/json";
const BYTES_TYPE = "application/octet-stream";
const NOT_IMPLEMENTED = 501;
/** When to come back where the gateway knows no better. */
const RETRY_AFTER_DEFAULT_MS = 1_000;
/** What the gateway may need of a route's time for itself, in ms. */
const ROUTE_MARGIN_MS = 25;

/**
 * Passes a request on to its upstream in the name of its user, through the upstream's guard. Only
 * reads are tried again, and only where nobody below has done so. What goes out is made before the
 * guard: whatever is wrong with it is no fault of the BFF's.
 *
 * A BFF's own errors are problems and are passed on as they are; a 5xx that isn't one comes from a
 * crash, and its body is nobody's business.
 *
 * Throws `UNAVAILABLE` where the BFF fails, `DEADLINE_EXCEEDED` where it is late.
 */
export function forwarder({ upstreams, guards, mintInternalToken, takesContinent, now }: ForwardDeps) {
  return async function forward(
    request: Request,
    body: RequestBody,
    route: ForwardedRoute,
    scope: GatewayScope,
  ): Promise<Response> {
    const { upstream, isUpgrade = false, takesBytes = false } = route;
    const token = await mintInternalToken(scope.principal, audienceOf(upstream));
    const { method, headers } = request;
    // A socket is opened once or not at all.
    const isRead = !isUpgrade && (method === "GET" || method === "HEAD");
    const idempotencyKey = isRead || isUpgrade ? null : headers.get(IDEMPOTENCY_KEY_HEADER);
    // The time of the route is all that a BFF is granted.
    const timeoutMs = route.timeoutMs - ROUTE_MARGIN_MS;
    const plan = {
      kind: isRead ? "read" : "write",
      isDear: route.isDear === true,
      idempotent: isRead,
      // A client whose answer was lost on the way asks again by its key.
      keyed: route.keyedByPath === true || idempotencyKey !== null,
      deadlineAtMs: scope.deadlineAtMs,
      isHurried: scope.isHurried,
      hangUp: scope.hangUp,
      timeoutMs,
      criticality: route.criticality,
      failureOf,
      ...(route.sharesCommits === true && { waitOf }),
    } as const;
    const what = `pass a request on to ${audienceOf(upstream)}`;
    const contentType = takesBytes ? BYTES_TYPE : JSON_TYPE;
    const outgoing = outbound(scope, { method, token, body, contentType, idempotencyKey, isUpgrade });
    // To look there makes the runtime build all that it knows of the connection.
    const continent = route.asksContinent === true ? continentOf(request, takesContinent) : null;
    const context = { ...contextOf(scope, upstream, headers), continent };
    // As the guard will see it, unless time passes until then.
    const limitMs = callLimitMs({ remainingMs: remainingMs(scope.deadlineAtMs, now()), timeoutMs });
    const isHurried = scope.isHurried && limitMs < timeoutMs;
    const first = outgoing({ ...context, remainingMs: limitMs, isHurried, attempt: 1 });
    let last: Response | null = null;
    const ask = async (attempt: Attempt): Promise<Response> => {
      // Another answer is wanted instead of it, and nobody will read it.
      if (last !== null) await last.body?.cancel();
      last = null;
      const isFirst = attempt.number === 1 && attempt.limitMs === limitMs && attempt.isHurried === isHurried;
      const sent = isFirst
        ? first
        : outgoing({
            ...context,
            remainingMs: attempt.limitMs,
            isHurried: attempt.isHurried,
            attempt: attempt.number,
          });
      return (last = await upstreams[upstream].fetch(sent));
    };
    let answer: Response;
    try {
      answer = await guards[upstream].call(what, plan, ask);
    } catch (error) {
      throw inviting(error, route);
    }
    if (answer.status < 500) return answer;
    // For the request's line, of which one a minute is enough then.
    if (answer.headers.has(SPENDING_CAP_HEADER))
      scope.failure = new CodedError("SPENDING_CAP", `${audienceOf(upstream)} says so`);
    if (isProblem(answer)) return answer;
    await answer.body?.cancel();
    throw spent(crashOf(answer, route), what, plan, true);
  };
}

/** What a BFF is sent beside the context. */
interface Outbound {
  readonly method: string;
  readonly token: string;
  readonly body: RequestBody;
  /** Of the body, if there is one. */
  readonly contentType: string;
  readonly idempotencyKey: string | null;
  readonly isUpgrade: boolean;
}

/**
 * Makes the request that the BFF gets, for one attempt after the other: only its context differs.
 * Of the client's own headers one means something to a BFF. Everything else stays outside, forged
 * internal headers above all.
 */
function outbound(
  { url, traceparent, tracestate }: GatewayScope,
  { method, token, body, contentType, idempotencyKey, isUpgrade }: Outbound,
): (context: GatewayContext) => Request {
  if (url === null) throw new CodedError("MALFORMED", "The URL is none");
  const headers: Record<string, string> = {
    [INTERNAL_TOKEN_HEADER]: token,
    [TRACEPARENT_HEADER]: traceparent,
  };
  if (tracestate !== null) headers[TRACESTATE_HEADER] = tracestate;
  if (body !== null) headers["Content-Type"] = contentType;
  if (idempotencyKey !== null) headers[IDEMPOTENCY_KEY_HEADER] = idempotencyKey;
  if (isUpgrade) headers["Upgrade"] = "websocket";
  return (context) => {
    headers[CONTEXT_HEADER] = writeGatewayContext(context);
    return new Request(url, { method, headers, body, redirect: "manual" });
  };
}

/** What the BFF is told, but for what differs from attempt to attempt. */
function contextOf(
  { requestId, clientKind, quota, logWeight }: GatewayScope,
  upstream: UpstreamName,
  headers: Headers,
): Omit<GatewayContext, "remainingMs" | "isHurried" | "attempt" | "continent"> {
  const clientAddress = upstream === "account" ? clientAddressOf(headers) : null;
  return { requestId, clientKind, quota, clientAddress, logWeight };
}

/**
 * What a BFF's answer amounts to. A 5xx is its failure, unless it only passes on what has failed
 * further down: then no breaker counts it, and nobody tries it again.
 */
function failureOf({ status, headers }: Response): AnswerFailure | null {
  if (status < 500) return null;
  if (headers.has(SPENDING_CAP_HEADER))
    return { code: "SPENDING_CAP", failedBelow: true, mustNotRetry: true };
  const code = headers.has(OVERLOADED_HEADER) ? "OVERLOADED" : "UNAVAILABLE";
  // A BFF of the version before says so by the other header.
  const isPassedOn =
    status === NOT_IMPLEMENTED || headers.has(FAILED_BELOW_HEADER) || headers.has(NO_RETRY_HEADER);
  if (isPassedOn) return { code, failedBelow: true, mustNotRetry: true };
  const retryAfterMs = retryAfterMsOf(headers);
  return retryAfterMs > 0 ? { code, retryAfterMs } : { code };
}

function isProblem({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith("application/problem+json") ?? false;
}

/** What clients get instead of the answer of a BFF that has crashed. */
function crashOf({ status, headers }: Response, { upstream, singleUse = false }: Route): CodedError {
  const hints = singleUse ? {} : { retryAfterMs: retryAfterMsOf(headers) || RETRY_AFTER_DEFAULT_MS };
  return new CodedError("UNAVAILABLE", `${upstream} answered ${status}`, hints);
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

function retryAfterMsOf(headers: Headers): number {
  const seconds = Number(headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}
