import { CodedError, isCode, SPENDING_CAP_RETRY_MS } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { spendingCapError } from "../database/platform-errors.ts";
import type { AnswerFailure } from "./call-failure.ts";

interface CapWatchDeps {
  /** The upstream's name. */
  readonly upstream: string;
  readonly now: Clock;
}

/** So long after a call that met the spending cap the breaker refuses by the name of that. */
const CAP_IS_NEWS_MS = 5_000;

/**
 * What a guard knows of the account's spending cap. A breaker that was open when the account
 * reached it stays so until its end, since no trial finds anything out. Why nothing can be had is
 * the cap then: callers who believed in an outage would come again after a second, and queues use
 * up their messages' retries.
 */
export class CapWatch {
  readonly #now: Clock;
  readonly #what: string;
  /** When the last call met the cap; null where a later one did not. */
  #metAtMs: number | null = null;

  constructor({ upstream, now }: CapWatchDeps) {
    this.#now = now;
    this.#what = `${upstream} may cost no more`;
  }

  /** A call was answered, by a failure or by none. Answers whether that was the cap. */
  answered(failure: AnswerFailure | null): boolean {
    const isCapped = failure?.code === "SPENDING_CAP";
    this.#metAtMs = isCapped ? this.#now() : null;
    return isCapped;
  }

  /** A call has thrown: answers an error of ours where it met the cap, else what was thrown. */
  thrown(cause: unknown): unknown {
    const error = spendingCapError(cause, this.#what) ?? cause;
    this.#metAtMs = isCode(error, "SPENDING_CAP") ? this.#now() : null;
    return error;
  }

  /** What a breaker refuses by; null where the last call met no cap, or that is long ago. */
  refusal(): CodedError | null {
    const sinceMs = this.#metAtMs === null ? null : this.#now() - this.#metAtMs;
    if (sinceMs === null || sinceMs < 0 || sinceMs > CAP_IS_NEWS_MS) return null;
    return new CodedError("SPENDING_CAP", this.#what, {
      retryAfterMs: SPENDING_CAP_RETRY_MS,
      mustNotRetry: true,
      failedBelow: true,
    });
  }
}
