import type { CallContext } from "../../contracts/call-context.ts";
import { codeOf, type ErrorCode } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { requestFields, type Logger } from "../logger.ts";
import { withinTimeOf } from "./current-patience.ts";

/** What every composition root gives to its entrypoints, beside what they serve. */
export interface RpcDeps {
  readonly now: Clock;
  readonly logger: Logger;
  /**
   * What an isolate must know before it does anything, and throws where it can't work; undefined
   * once that is known. Nothing if absent.
   */
  readonly begin?: () => Promise<void> | undefined;
}

/** Runs one RPC method of a service over what its isolate is made of. */
export type RunRpc<E, D> = <T>(env: E, ctx: CallContext, work: (deps: D) => T | Promise<T>) => Promise<T>;

/**
 * What is around every RPC method of a service: its context is read by its schema, then `work`
 * runs, after what its isolate must know before it begins, within the time that the caller has
 * left, which guards find in the request's own storage. In there each argument is validated by its
 * name before anything is done. Whatever is thrown, by the composition root too, rejects the call.
 * One line tells of a call whose request is logged.
 *
 * @example const run = rpcMethods(wire); … me(ctx: CallContext) { return run(this.env, ctx,
 *   ({ profileOf }) => profileOf(requirePrincipal(ctx).userId)); }
 */
export function rpcMethods<E extends object, D extends RpcDeps>(wire: (env: E) => D): RunRpc<E, D> {
  return async function runRpc(env, ctx, work) {
    const deps = wire(env);
    return withinTimeOf(ctx, deps.now, () => {
      const begun = deps.begin?.();
      const whole = begun === undefined ? work : async (begunDeps: D) => begun.then(() => work(begunDeps));
      return ctx.logWeight === undefined ? whole(deps) : logged(ctx, deps, whole);
    });
  };
}

/** What went wrong is told by the caller, who knows what it was for; here is only its code. */
async function logged<D extends RpcDeps, T>(
  ctx: CallContext,
  deps: D,
  work: (deps: D) => T | Promise<T>,
): Promise<T> {
  const startedAtMs = deps.now();
  let code: ErrorCode | undefined;
  try {
    return await work(deps);
  } catch (error) {
    code = codeOf(error);
    throw error;
  } finally {
    deps.logger.info("call", { ...requestFields(ctx), ms: deps.now() - startedAtMs, code });
  }
}
