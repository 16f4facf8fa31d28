import type { BreakerReport, BreakerVerdict } from "../../resilience/breaker/shared-breaker-state.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { SharedBreaker } from "../../resilience/breaker/shared-breaker.ts";
import { clearingTimer } from "./call-timer.ts";

interface BreakerReporterDeps {
  readonly breaker: Pick<SharedBreaker, "takeReport" | "learn" | "reportFailed">;
  readonly send: (report: BreakerReport) => Promise<BreakerVerdict>;
  readonly background: (work: Promise<unknown>) => void;
  readonly onFailure: (error: unknown) => void;
  readonly now: Clock;
}

/** A verdict that comes later is no use: the breaker has gone on alone. */
const REPORT_TIMEOUT_MS = 1_000;

/**
 * Tells the shared state what this isolate saw and learns its verdict, beside the requests. The
 * returned function is called after each attempt; nearly always there is nothing to send, and it
 * costs one comparison. It answers when the verdict is known, or that there is none to wait for.
 */
export function breakerReporter({
  breaker,
  send,
  background,
  onFailure,
  now,
}: BreakerReporterDeps): () => Promise<void> | undefined {
  async function exchange(report: BreakerReport): Promise<void> {
    try {
      breaker.learn(now(), await clearingTimer.withTimeout(send(report), REPORT_TIMEOUT_MS));
    } catch (error) {
      breaker.reportFailed(now());
      onFailure(error);
    }
  }
  return function reportIfDue() {
    const report = breaker.takeReport(now());
    if (report === null) return undefined;
    const told = exchange(report);
    background(told);
    return told;
  };
}
