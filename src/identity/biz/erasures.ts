import { describeCauses, isCode } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { erasureRetryMs } from "./lifetimes.ts";
import type { DueErasure, EraseHistory, ErasureStore, UserToErase } from "./ports.ts";

/** Erasures one sweep takes on, how many run at once, and how much of a reason is kept. */
const PER_SWEEP_MAX = 100;
const CONCURRENCY_MAX = 5;
const REASON_CHARS_MAX = 500;

export interface ErasuresDeps {
  readonly store: ErasureStore;
  readonly eraseHistory: EraseHistory;
  readonly now: Clock;
  /** Told once of each attempt that failed; the next one is already set. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/** Carries erasures to the history service, however long it takes. */
export class Erasures {
  readonly #deps: ErasuresDeps;

  constructor(deps: ErasuresDeps) {
    this.#deps = deps;
  }

  /**
   * One attempt whose turn the caller has taken. Never throws: what fails is written down and tried
   * again when due.
   */
  async attempt({ userId, cell }: UserToErase): Promise<void> {
    const { store, eraseHistory, now, onFailure } = this.#deps;
    try {
      const failure = await this.#failureOf(() => eraseHistory({ userId, cell }));
      if (failure === null) return await store.done(userId, now());
      onFailure("erase a history", failure.error);
      const reason = describeCauses(failure.error).slice(0, REASON_CHARS_MAX);
      // Who was refused for minutes by the account's spending cap needn't wait an hour after it.
      if (isCode(failure.error, "SPENDING_CAP"))
        await store.failed(userId, reason, now() + erasureRetryMs(1));
      else await store.failed(userId, reason);
    } catch (cause) {
      onFailure("write down an erasure", cause);
    }
  }

  /** Tries every erasure that is due, a bounded number of them. */
  async sweep(): Promise<void> {
    const { store, now } = this.#deps;
    const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
    for (const erasure of await store.due(now(), PER_SWEEP_MAX)) group.go(() => this.#take(erasure));
    await group.wait();
  }

  /** The next attempt is set before this one starts: a worker that dies half way only delays it. */
  async #take(erasure: DueErasure): Promise<void> {
    const { store, now, onFailure } = this.#deps;
    const nowMs = now();
    try {
      const taken = await store.claim(erasure, nowMs, nowMs + erasureRetryMs(erasure.attempts + 1));
      if (taken) await this.attempt(erasure);
    } catch (cause) {
      onFailure("claim an erasure", cause);
    }
  }

  async #failureOf(work: () => Promise<void>): Promise<{ readonly error: unknown } | null> {
    try {
      await work();
      return null;
    } catch (error) {
      return { error };
    }
  }
}
