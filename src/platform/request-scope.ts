import { AsyncLocalStorage } from "node:async_hooks";
import { callContextSchema, type CallContext } from "../contracts/call-context.ts";
import type { Clock } from "../resilience/clock.ts";
import { validate } from "./validate.ts";

/*
 * The request that the running code works for, in services whose ports know nothing of requests: how much time is left is nobody's
 * business in `biz/`, and still no step may start after it.
 */
const deadlines = new AsyncLocalStorage<number>();

/** Runs `work` within the time of the call that asked for it. Throws `INVALID`, and runs nothing, where the context is not as the contract has it. */
export function withinTimeOf<T>(ctx: CallContext, now: Clock, work: () => T): T {
  const { remainingMs } = validate(callContextSchema, ctx, "ctx");
  return deadlines.run(now() + remainingMs, work);
}

/** Runs `work` with as much time as it needs: nobody waits for it. */
export function withoutDeadline<T>(work: () => T): T {
  return deadlines.run(Number.POSITIVE_INFINITY, work);
}

/** When the time of the running request is up, ms since the epoch; infinity where no request waits. */
export function currentDeadlineAtMs(): number {
  return deadlines.getStore() ?? Number.POSITIVE_INFINITY;
}
