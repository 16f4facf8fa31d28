import { AsyncLocalStorage } from "node:async_hooks";
import { callContextSchema, type CallContext } from "../contracts/call-context.ts";
import type { Clock } from "../resilience/clock.ts";
import { ENDLESS, type Patience } from "./patience.ts";
import { validate } from "./validate.ts";

/*
 * The request that the running code works for, in services whose ports know nothing of requests: how much time is left is nobody's
 * business in `biz/`, and still no step may start after it.
 */
const patiences = new AsyncLocalStorage<Patience>();

/** The patience of the call that `ctx` came with. Throws `INVALID` where the context is not as the contract has it. */
export function patienceOf(ctx: CallContext, now: Clock): Patience {
  const { remainingMs, isHurried = false } = validate(callContextSchema, ctx, "ctx");
  return { deadlineAtMs: now() + remainingMs, isHurried };
}

/** Runs `work` within the time of the call that asked for it. Throws `INVALID`, and runs nothing, where the context is not as the contract has it. */
export function withinTimeOf<T>(ctx: CallContext, now: Clock, work: () => T): T {
  return patiences.run(patienceOf(ctx, now), work);
}

/** Runs `work` with as much time as it needs: nobody waits for it. */
export function withoutDeadline<T>(work: () => T): T {
  return patiences.run(ENDLESS, work);
}

/** How long the running request is waited for; without end where no request waits. */
export function currentPatience(): Patience {
  return patiences.getStore() ?? ENDLESS;
}
