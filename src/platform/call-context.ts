import type { CallContext, Principal } from "../contracts/call-context.ts";
import { CodedError } from "../contracts/errors.ts";
import { mayDo, type Permission } from "../contracts/permissions.ts";
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
}

/** The scope of work nobody waits for. `requestId` names what started it. */
export function backgroundScope(requestId: string, traceparent: string, nowMs: number, patienceMs = BACKGROUND_MS): RequestScope {
  return { requestId, traceparent, deadlineAtMs: nowMs + patienceMs, principal: null };
}

/** The user of a call. Throws `UNAUTHENTICATED` where nobody is signed in. */
export function requirePrincipal(ctx: Pick<CallContext, "principal">): Principal {
  if (ctx.principal === null) throw new CodedError("UNAUTHENTICATED", "Sign in first");
  return ctx.principal;
}

/** The user of a call whose roles allow what it is about. Throws `UNAUTHENTICATED` where nobody is signed in, `FORBIDDEN` where the roles don't. */
export function requirePermission(ctx: Pick<CallContext, "principal">, permission: Permission): Principal {
  const principal = requirePrincipal(ctx);
  if (!mayDo(principal.roles, permission)) {
    throw new CodedError("FORBIDDEN", "Your roles don't allow this", { tokenFault: "insufficient_scope" });
  }
  return principal;
}
