import { CodedError } from "../contracts/errors.ts";
import {
  audienceOf,
  DEADLINE_HEADER,
  INTERNAL_TOKEN_HEADER,
  REQUEST_ID_HEADER,
  TRACEPARENT_HEADER,
  type BffName,
} from "../contracts/internal-request.ts";
import type { InternalTokenMinter } from "../platform/internal-token.ts";
import type { GatewayScope } from "./request-scope.ts";
import type { Route } from "./routes.ts";

export interface ForwardDeps {
  readonly upstreams: Readonly<Record<BffName, { fetch(request: Request): Promise<Response> }>>;
  readonly mintInternalToken: InternalTokenMinter;
}

/** Client headers that mean something to a BFF. Everything else stays outside, forged internal headers above all. */
const FORWARDED_HEADERS = ["content-type", "idempotency-key"] as const;
/** Kept back from the time a request has, for the way back, in ms. */
const MARGIN_MS = 5;

/** Passes a request on to its BFF in the name of its user. Throws `UNAVAILABLE` where the BFF fails, `DEADLINE_EXCEEDED` where it is late. */
export function forwarder({ upstreams, mintInternalToken }: ForwardDeps) {
  return async function forward(request: Request, route: Route, scope: GatewayScope, timeoutMs: number): Promise<Response> {
    const headers: Record<string, string> = {
      [INTERNAL_TOKEN_HEADER]: await mintInternalToken(scope.principal, audienceOf(route.upstream)),
      [DEADLINE_HEADER]: String(Math.max(0, timeoutMs - MARGIN_MS)),
      [REQUEST_ID_HEADER]: scope.requestId,
      [TRACEPARENT_HEADER]: scope.traceparent,
    };
    for (const name of FORWARDED_HEADERS) {
      const value = request.headers.get(name);
      if (value !== null) headers[name] = value;
    }
    const outbound = new Request(request, { headers, redirect: "manual" });
    const response = await inTime(reach(route.upstream, upstreams[route.upstream].fetch(outbound)), route.upstream, timeoutMs);
    return refuseForeignErrors(response, route.upstream);
  };
}

async function reach(upstream: BffName, call: Promise<Response>): Promise<Response> {
  try {
    return await call;
  } catch (cause) {
    throw new CodedError("UNAVAILABLE", `${upstream} could not be reached`, { cause, retryAfterMs: 1_000 });
  }
}

/**
 * The answer, or `DEADLINE_EXCEEDED` when its time is up. Neither an abort signal nor `clearTimeout` is needed, and each would cost some
 * of the throughput: once the gateway has answered, the runtime cancels what the request has left running, timers too.
 */
function inTime(answer: Promise<Response>, upstream: BffName, timeoutMs: number): Promise<Response> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  setTimeout(() => reject(new CodedError("DEADLINE_EXCEEDED", `${upstream} took too long`)), timeoutMs);
  return Promise.race([answer, late]);
}

/** A BFF's own errors are problems; a 5xx that isn't one comes from a crash, and its body is nobody's business. */
async function refuseForeignErrors(response: Response, upstream: BffName): Promise<Response> {
  const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  if (response.status < 500 || isProblem) return response;
  await response.body?.cancel();
  throw new CodedError("UNAVAILABLE", `${upstream} failed with status ${response.status}`, { retryAfterMs: 1_000 });
}
