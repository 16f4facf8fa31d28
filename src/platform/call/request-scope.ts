import type { CallContext, Principal } from "../../contracts/call-context.ts";
import type { Continent } from "../../contracts/continent.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Patience } from "./patience.ts";

/** What a call without a request behind it (cron, queue, launcher) may take, in ms. */
const BACKGROUND_MS = 30_000;

/** What one request carries through a worker. Lives as long as the request. */
export interface RequestScope extends Patience {
  readonly requestId: string;
  readonly traceparent: string;
  readonly principal: Principal | null;
  /** Where the client calls from, if the gateway said so. */
  readonly clientAddress?: string;
  /** Where the client is, if the gateway said so. */
  readonly continent?: Continent;
  /** For how many requests each of its log lines stands, if they are to be logged. */
  readonly logWeight?: number;
}

/** The scope of work nobody waits for. `requestId` names what started it. */
export function backgroundScope(
  requestId: string,
  traceparent: string,
  nowMs: number,
  patienceMs = BACKGROUND_MS,
): RequestScope {
  return { requestId, traceparent, deadlineAtMs: nowMs + patienceMs, isBackground: true, principal: null };
}

/** The user of a call. Throws `UNAUTHENTICATED` where nobody is signed in. */
export function requirePrincipal(ctx: Pick<CallContext, "principal">): Principal {
  if (ctx.principal === null) throw new CodedError("UNAUTHENTICATED", "Sign in first");
  return ctx.principal;
}
