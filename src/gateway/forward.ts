import { CodedError, codeOf } from "../contracts/errors.ts";
import {
  ATTEMPT_HEADER,
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
const FORWARDED_HEADERS = ["content-type", "content-length", "accept", "accept-language", "idempotency-key", "user-agent"] as const;
/** Kept back from the time a request has, for the way back, in ms. */
const MARGIN_MS = 5;

/** Passes a request on to its BFF in the name of its user. Throws `UNAVAILABLE` where the BFF fails, `DEADLINE_EXCEEDED` where it is late. */
export function forwarder({ upstreams, mintInternalToken }: ForwardDeps) {
  return async function forward(request: Request, route: Route, scope: GatewayScope, timeoutMs: number): Promise<Response> {
    const headers = new Headers();
    for (const name of FORWARDED_HEADERS) {
      const value = request.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    headers.set(INTERNAL_TOKEN_HEADER, await mintInternalToken(scope.principal, audienceOf(route.upstream)));
    headers.set(DEADLINE_HEADER, String(Math.max(0, timeoutMs - MARGIN_MS)));
    headers.set(REQUEST_ID_HEADER, scope.requestId);
    headers.set(TRACEPARENT_HEADER, scope.traceparent);
    headers.set(ATTEMPT_HEADER, "1");
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), timeoutMs);
    try {
      const outbound = new Request(request, { headers, signal: controller.signal, redirect: "manual" });
      return await refuseForeignErrors(await upstreams[route.upstream].fetch(outbound), route.upstream);
    } catch (cause) {
      if (controller.signal.aborted) throw new CodedError("DEADLINE_EXCEEDED", `${route.upstream} took too long`, { cause });
      if (codeOf(cause) !== "INTERNAL") throw cause;
      throw new CodedError("UNAVAILABLE", `${route.upstream} could not be reached`, { cause, retryAfterMs: 1_000 });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** A BFF's own errors are problems; a 5xx that isn't one comes from a crash, and its body is nobody's business. */
async function refuseForeignErrors(response: Response, upstream: BffName): Promise<Response> {
  const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  if (response.status < 500 || isProblem) return response;
  await response.body?.cancel();
  throw new CodedError("UNAVAILABLE", `${upstream} failed with status ${response.status}`, { retryAfterMs: 1_000 });
}
