import type { CallContext } from "../../contracts/call-context.ts";
import { callAcrossReleases } from "../call/rpc.ts";
import type { RequestScope } from "../call/request-scope.ts";
import type { CallKind } from "./call-plan.ts";
import type { Guard } from "./guard.ts";

/**
 * Calls one service. `what` says what was being done if it fails; `call` is given the context to
 * pass on.
 */
export interface GuardedRpc<T> {
  /** Changes nothing: may be tried again. */
  read<R>(scope: RequestScope, what: string, call: (service: T, ctx: CallContext) => Promise<R>): Promise<R>;
  /** Made once, whatever happens. */
  write<R>(scope: RequestScope, what: string, call: (service: T, ctx: CallContext) => Promise<R>): Promise<R>;
  /** Changes something, and twice is as good as once: may be tried again. */
  idempotentWrite<R>(
    scope: RequestScope,
    what: string,
    call: (service: T, ctx: CallContext) => Promise<R>,
  ): Promise<R>;
  /**
   * Changes something under a key of the client's: where the answer is lost it is asked for once
   * more by that key, and where it stays unknown the client may ask.
   */
  keyedWrite<R>(
    scope: RequestScope,
    what: string,
    call: (service: T, ctx: CallContext) => Promise<R>,
  ): Promise<R>;
}

const KEYED = { keyed: true, attemptsMax: 2 } as const;

/** A service behind its guard: every call carries the user, the trace and the time that is left. */
export function guardedRpc<T extends object>(
  service: T,
  guard: Guard,
  options: { readonly timeoutMs?: number; readonly isDear?: boolean } = {},
): GuardedRpc<T> {
  function caller(
    kind: CallKind,
    idempotent: boolean,
    more: Partial<typeof KEYED> = {},
  ): GuardedRpc<T>["read"] {
    return function callService(scope, what, call) {
      const { deadlineAtMs, isHurried: isOfHurried = false, isBackground = false, hangUp } = scope;
      const told = hangUp === undefined ? {} : { hangUp };
      const plan = {
        kind,
        idempotent,
        deadlineAtMs,
        isHurried: isOfHurried,
        isBackground,
        ...told,
        ...options,
        ...more,
      };
      return guard.call(what, plan, ({ limitMs, number, isHurried }) => {
        const { requestId, traceparent, principal, clientAddress, continent, logWeight } = scope;
        const context = {
          requestId,
          traceparent,
          principal,
          remainingMs: limitMs,
          ...(isHurried ? { isHurried } : {}),
          ...(number > 1 ? { attempt: number } : {}),
          ...(clientAddress === undefined ? {} : { clientAddress }),
          ...(continent === undefined ? {} : { continent }),
          ...(logWeight === undefined ? {} : { logWeight }),
        };
        return callAcrossReleases(what, () => call(service, context));
      });
    };
  }
  return {
    read: caller("read", true),
    write: caller("write", false),
    idempotentWrite: caller("write", true),
    keyedWrite: caller("write", true, KEYED),
  };
}
