import { CircuitState } from "cockatiel";
import { cockatielPolicy, hystrix } from "./breaker-candidates.ts";

const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;
/** One less than both need to conclude anything. */
const OLD_FAILURES = 19;

export interface IdleResult {
  readonly opened: boolean;
  /** The calls that it believes to be in its window of 10 s, all of them failed. */
  readonly counted: number;
}

export interface Idle {
  readonly ours: IdleResult;
  readonly cockatiel: IdleResult;
}

/**
 * 19 failures, then nothing for an hour, then one more: what both breakers make of it. And the same
 * after a second only, when both should open.
 */
export async function idleHour(): Promise<{ readonly afterAnHour: Idle; readonly afterASecond: Idle }> {
  return { afterAnHour: await idle(HOUR_MS), afterASecond: await idle(SECOND_MS) };
}

async function idle(idleMs: number): Promise<Idle> {
  return { ours: ours(idleMs), cockatiel: await withTurnedClock((turn) => cockatiel(idleMs, turn)) };
}

function ours(idleMs: number): IdleResult {
  const breaker = hystrix();
  const startMs = Date.now();
  for (let call = 0; call < OLD_FAILURES; call += 1)
    breaker.record(startMs, "failure", breaker.admit(startMs).kind === "trial" ? "trial" : "admitted");
  const nowMs = startMs + idleMs;
  breaker.admit(nowMs);
  breaker.record(nowMs, "failure", "admitted");
  return { opened: !breaker.isClosed, counted: breaker.view(nowMs).failures };
}

async function cockatiel(idleMs: number, turn: (ms: number) => void): Promise<IdleResult> {
  const policy = cockatielPolicy();
  const fail = (): Promise<unknown> =>
    policy.execute(() => Promise.reject(new Error("unavailable"))).catch(() => null);
  for (let call = 0; call < OLD_FAILURES; call += 1) await fail();
  turn(idleMs);
  await fail();
  const { breakerState } = policy.toJSON() as { readonly breakerState: { readonly currentFailures: number } };
  return { opened: policy.state === CircuitState.Open, counted: breakerState.currentFailures };
}

/**
 * cockatiel reads the clock itself, so the clock is what has to be turned; nothing else runs
 * meanwhile.
 */
async function withTurnedClock<T>(work: (turn: (ms: number) => void) => Promise<T>): Promise<T> {
  const trueNow = Date.now;
  let nowMs = trueNow();
  Date.now = () => nowMs;
  try {
    return await work((ms) => {
      nowMs += ms;
    });
  } finally {
    Date.now = trueNow;
  }
}
