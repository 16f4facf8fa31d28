import type { CallContext, Principal } from "../contracts/call-context.ts";
import { CodedError } from "../contracts/errors.ts";

/** Less than this left, and a call is not worth starting. */
const USEFUL_MS_MIN = 10;
/** What a call without a request behind it (cron, queue, launcher) may take, in ms. */
const BACKGROUND_MS = 30_000;

/** What one request carries through a worker. Lives as long as the request. */
export interface RequestScope {
  readonly requestId: string;
  readonly traceparent: string;
  /** When the request's time is up, on this worker's clock (ms since the epoch). */
  readonly deadlineAtMs: number;
  readonly principal: Principal | null;
}

/** The context for a call made now. Throws `DEADLINE_EXCEEDED` where too little time is left to be of use. */
export function callContext(scope: RequestScope, nowMs: number): CallContext {
  const remainingMs = scope.deadlineAtMs - nowMs;
  if (remainingMs < USEFUL_MS_MIN) throw new CodedError("DEADLINE_EXCEEDED", "No time left for the next step");
  return { requestId: scope.requestId, traceparent: scope.traceparent, remainingMs, principal: scope.principal };
}

/** The context of work nobody waits for. `requestId` names what started it. */
export function backgroundContext(requestId: string, traceparent: string): CallContext {
  return { requestId, traceparent, remainingMs: BACKGROUND_MS, principal: null };
}

/** The user of a call. Throws `UNAUTHENTICATED` where nobody is signed in. */
export function requirePrincipal(ctx: CallContext): Principal {
  if (ctx.principal === null) throw new CodedError("UNAUTHENTICATED", "Sign in first");
  return ctx.principal;
}
