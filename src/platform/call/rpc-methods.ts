import type { CallContext } from "../../contracts/call-context.ts";
import type { Clock } from "../../resilience/clock.ts";
import { withinTimeOf } from "./current-patience.ts";

/** What every composition root gives to its entrypoints, beside what they serve. */
interface RpcDeps {
  readonly now: Clock;
}

/** Runs one RPC method of a service over what its isolate is made of. */
export type RunRpc<E, D> = <T>(env: E, ctx: CallContext, work: (deps: D) => T | Promise<T>) => Promise<T>;

/**
 * What is around every RPC method of a service: its context is read by its schema, then `work` runs
 * within the time that the caller has left, which guards find in the request's own storage. In
 * there each argument is validated by its name before anything is done. Whatever is thrown, by the
 * composition root too, rejects the call.
 *
 * @example const run = rpcMethods(wire); … me(ctx: CallContext) { return run(this.env, ctx,
 *   ({ profileOf }) => profileOf(requirePrincipal(ctx).userId)); }
 */
export function rpcMethods<E extends object, D extends RpcDeps>(wire: (env: E) => D): RunRpc<E, D> {
  return async function runRpc(env, ctx, work) {
    const deps = wire(env);
    return withinTimeOf(ctx, deps.now, () => work(deps));
  };
}
