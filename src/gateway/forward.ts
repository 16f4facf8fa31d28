import { CLIENT_KIND_HEADER } from "../contracts/client-kind.ts";
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
import { spent, type AnswerFailure } from "../platform/guard/call-failure.ts";
import type { Attempt } from "../platform/guard/call-plan.ts";
import type { Guard } from "../platform/guard/guard.ts";
import type { InternalTokenMinter } from "../platform/bff/internal-token.ts";
import { waitOf } from "../platform/http/wait-on-purpose.ts";
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
 * Passes a request on to its BFF in the name of its user, through the BFF's guard. Only reads are
 * tried again, and only where nobody below has done so. What goes out is made before the guard:
 * whatever is wrong with it is no fault of the BFF's.
 *
 * A BFF's own errors are problems and are passed on as they are; a 5xx that isn't one comes from a
 * crash, and its body is nobody's business.
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
      timeoutMs: route.timeoutMs - ROUTE_MARGIN_MS,
      criticality: route.criticality,
      failureOf,
      ...(route.sharesCommits === true && { waitOf }),
    } as const;
    const what = `pass a request on to the ${upstream} BFF`;
    let last: Response | null = null;
    const ask = async (attempt: Attempt): Promise<Response> => {
      // Another answer is wanted instead of it, and nobody will read it.
      await last?.body?.cancel();
      last = null;
      return (last = await upstreams[upstream].fetch(attempted(prepared, attempt)));
    };
    let answer: Response;
    try {
      answer = await guards[upstream].call(what, plan, ask);
    } catch (error) {
      throw inviting(error, route);
    }
    if (answer.status < 500 || isProblem(answer)) return answer;
    await answer.body?.cancel();
    throw spent(crashOf(answer, route), what, plan, true);
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
  const { url, requestId, traceparent, tracestate, quota, clientKind } = scope;
  if (url === null) throw new CodedError("MALFORMED", "The URL is none");
  const headers: Record<string, string> = {
    [INTERNAL_TOKEN_HEADER]: token,
    [REQUEST_ID_HEADER]: requestId,
    [TRACEPARENT_HEADER]: traceparent,
  };
  if (tracestate !== null) headers[TRACESTATE_HEADER] = tracestate;
  if (clientKind !== null) headers[CLIENT_KIND_HEADER] = clientKind;
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

/**
 * What a BFF's answer amounts to. A 5xx is its failure, unless it only passes on what has failed
 * further down: then no breaker counts it, and nobody tries it again.
 */
function failureOf({ status, headers }: Response): AnswerFailure | null {
  if (status < 500) return null;
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
