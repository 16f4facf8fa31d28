import type { CallsSeen } from "../../contracts/durable.ts";
import type { Breaker } from "../../resilience/breaker/breaker.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { ReportPace } from "../../resilience/breaker/report-turns.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import { clearingTimer } from "./call-timer.ts";
import type { GuardParts } from "./guard.ts";

interface BreakerObserverDeps {
  readonly breaker: Breaker;
  readonly send: (seen: Seen) => Promise<ReportPace | void>;
  readonly background: (work: Promise<unknown>) => void;
  readonly onFailure: (error: unknown) => void;
  readonly now: Clock;
  /** In [0, 1). */
  readonly random: () => number;
}

type Seen = Pick<CallsSeen, "ok" | "failed" | "keptMs">;

const TELL_EVERY_MS = 1_000;
const TELLING_MS_MAX = 1_000;
/** What is told is taken for no more than this, and made this much shorter at random. */
const TELL_EVERY_MS_MAX = 90_000;
const SPREAD = 0.25;

/**
 * A breaker that decides by itself, and tells beside the requests what it saw, once a second at
 * most: operators would see an upstream without callers otherwise. All that comes back is how soon
 * to tell more, and what can't be told is forgotten.
 */
export function breakerObserver({
  breaker,
  send,
  background,
  onFailure,
  now,
  random,
}: BreakerObserverDeps): Pick<GuardParts, "breaker" | "afterAttempt"> {
  const time = new SteadyTime(TELL_EVERY_MS);
  let [ok, failed, nextMs] = [0, 0, 0];
  let pace: ReportPace | null = null;

  async function tell(atMs: number): Promise<void> {
    const seen = {
      ok,
      failed,
      ...(pace !== null && pace.reportAfterMs > TELL_EVERY_MS ? { keptMs: pace.reportAfterMs } : {}),
    };
    [ok, failed] = [0, 0];
    nextMs = atMs + laterMs(pace, random());
    try {
      pace = (await clearingTimer.withTimeout(send(seen), TELLING_MS_MAX)) ?? null;
      nextMs = atMs + laterMs(pace, random());
    } catch (error) {
      onFailure(error);
    }
  }

  return {
    breaker: {
      admit: (nowMs, luck) => breaker.admit(nowMs, luck),
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
      background(tell(atMs));
      return undefined;
    },
  };
}

/** In ms; a second where nobody has said how soon. */
function laterMs(pace: ReportPace | null, luck: number): number {
  if (pace === null) return TELL_EVERY_MS;
  const everyMs = Math.min(Math.max(pace.quietAfterMs, TELL_EVERY_MS), TELL_EVERY_MS_MAX);
  return everyMs * (1 - luck * SPREAD);
}
