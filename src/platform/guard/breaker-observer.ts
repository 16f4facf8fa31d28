import type { CallsSeen } from "../../contracts/durable.ts";
import type { Breaker } from "../../resilience/breaker/breaker.ts";
import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import { clearingTimer } from "./call-timer.ts";
import type { GuardParts } from "./guard.ts";

interface BreakerObserverDeps {
  readonly breaker: Breaker;
  readonly send: (seen: Pick<CallsSeen, "ok" | "failed">) => Promise<void>;
  readonly background: (work: Promise<unknown>) => void;
  readonly onFailure: (error: unknown) => void;
  readonly now: Clock;
}

const TELL_EVERY_MS = 1_000;
const TELLING_MS_MAX = 1_000;

/**
 * A breaker that decides by itself, and tells beside the requests what it saw, once a second at
 * most: operators would see an upstream without callers otherwise. Nothing comes back, and what
 * can't be told is forgotten.
 */
export function breakerObserver({
  breaker,
  send,
  background,
  onFailure,
  now,
}: BreakerObserverDeps): Pick<GuardParts, "breaker" | "afterAttempt"> {
  const time = new SteadyTime(TELL_EVERY_MS);
  let [ok, failed, nextMs] = [0, 0, 0];

  async function tell(seen: Pick<CallsSeen, "ok" | "failed">): Promise<void> {
    try {
      await clearingTimer.withTimeout(send(seen), TELLING_MS_MAX);
    } catch (error) {
      onFailure(error);
    }
  }

  return {
    breaker: {
      admit: (nowMs, random) => breaker.admit(nowMs, random),
      record(nowMs, outcome, admission) {
        if (outcome === "success") ok += 1;
        else if (outcome === "failure") failed += 1;
        breaker.record(nowMs, outcome, admission);
      },
      view: (nowMs) => breaker.view(nowMs),
    },
    /** There is no verdict to wait for. */
    afterAttempt() {
      const atMs = time.at(now());
      if (atMs < nextMs || ok + failed === 0) return undefined;
      nextMs = atMs + TELL_EVERY_MS;
      const seen = { ok, failed };
      [ok, failed] = [0, 0];
      background(tell(seen));
      return undefined;
    },
  };
}
