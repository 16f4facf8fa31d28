import { AsyncLocalStorage } from "node:async_hooks";
import { callContextSchema, type CallContext } from "../../contracts/call-context.ts";
import { isPlainContext } from "../../contracts/plain-context.ts";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { remainingMs as msUntil } from "../../resilience/deadline.ts";
import { ENDLESS, type Patience } from "./patience.ts";
import { validate } from "../validate.ts";

/*
 * The request that the running code works for, in services whose ports know nothing of requests:
 * `biz/` doesn't know how much time is left, and still no step may start after it.
 */
const patiences = new AsyncLocalStorage<GrantedPatience>();

interface GrantedPatience extends Patience {
  /** The time that the call came with, in ms. */
  readonly grantedMs: number;
}

const SLOW_RETRY_MS = 1_000;

/**
 * The patience of the call that `ctx` came with. Throws `INVALID` where the context is not as the
 * contract has it.
 */
export function patienceOf(ctx: CallContext, now: Clock): GrantedPatience {
  const { remainingMs, isHurried = false } = isPlainContext(ctx)
    ? ctx
    : validate(callContextSchema, ctx, "ctx");
  return { deadlineAtMs: now() + remainingMs, isHurried, grantedMs: remainingMs };
}

/**
 * Runs `work` within the time of the call that asked for it. Throws `INVALID`, and runs nothing,
 * where the context is not as the contract has it.
 */
export function withinTimeOf<T>(ctx: CallContext, now: Clock, work: () => T): T {
  return patiences.run(patienceOf(ctx, now), work);
}

/** Runs `work` with as much time as it needs: nobody waits for it. */
export function withoutDeadline<T>(work: () => T): T {
  return patiences.run({ ...ENDLESS, grantedMs: ENDLESS.deadlineAtMs }, work);
}

/** How long the running request is waited for; without end where no request waits. */
export function currentPatience(): Patience {
  return patiences.getStore() ?? ENDLESS;
}

/**
 * The patience of a step that spends something and can't be sent twice. It begins only while half
 * of the request's time is left: what came before it asked the same upstream, and took no longer
 * than this may. Throws `UNAVAILABLE`, so that nothing is sent, where it comes later.
 */
export function patienceToSpend(now: Clock): Patience {
  const patience = patiences.getStore();
  if (patience === undefined || msUntil(patience.deadlineAtMs, now()) >= patience.grantedMs / 2)
    return patience ?? ENDLESS;
  const hints = { retryAfterMs: SLOW_RETRY_MS, mustNotRetry: true, failedBelow: true } as const;
  throw new CodedError("UNAVAILABLE", "too little time is left to spend anything", hints);
}
