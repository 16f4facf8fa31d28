import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";

/**
 * Runs `callback` once after `delayMs`. In a Durable Object a timer keeps the object awake, so it
 * is never long.
 */
export type Schedule = (delayMs: number, callback: () => void) => void;

export interface GroupCommitOptions<T, R> {
  /** Least time between two commits while there is load, in ms. */
  readonly spacingMs: number;
  /** Weight of what one commit may carry; the rest waits for the next. */
  readonly weightMax: number;
  /** Weight of what may wait; beyond it `submit` throws `OVERLOADED`. */
  readonly waitingWeightMax: number;
  readonly weightOf: (item: T) => number;
  /**
   * Makes all items durable in one step and returns what came of each, in order. If it throws, none
   * of them happened.
   */
  readonly commit: (items: readonly T[]) => readonly CommitResult<R>[];
  readonly now: Clock;
  readonly schedule: Schedule;
}

/** What came of one item: an item that can't be written fails alone. */
export type CommitResult<R> = { readonly result: R } | { readonly error: unknown };

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit (DeWitt et al., 1984): the first item after idle commits at once; under load commits
 * are spaced and all items that wait share one, so that the cost of a commit falls as load grows.
 * An item's promise settles only after its commit.
 */
export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>;
  #waiting: Waiting<T, R>[] = [];
  #waitingWeight = 0;
  #scheduled = false;
  #lastCommitMs = Number.NEGATIVE_INFINITY;

  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options;
  }

  submit(item: T): Promise<R> {
    const { now, schedule, spacingMs, waitingWeightMax, weightOf } = this.#options;
    const weight = weightOf(item);
    if (this.#waitingWeight + weight > waitingWeightMax) {
      throw new CodedError("OVERLOADED", "Too many reports are waiting to be written", {
        retryAfterMs: 1_000,
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.#waiting.push({ item, resolve, reject });
    this.#waitingWeight += weight;
    if (!this.#scheduled) {
      const sinceLastMs = Math.max(0, now() - this.#lastCommitMs);
      if (sinceLastMs >= spacingMs) this.#run();
      else this.#later(spacingMs - sinceLastMs, schedule);
    }
    return promise;
  }

  #later(delayMs: number, schedule: Schedule): void {
    this.#scheduled = true;
    schedule(delayMs, () => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const group = this.#takeGroup();
    this.#lastCommitMs = this.#options.now();
    try {
      // I2
      const results = this.#options.commit(group.map(({ item }) => item));
      for (const [index, waiting] of group.entries()) settle(waiting, results[index]);
    } catch (error) {
      for (const waiting of group) waiting.reject(error);
    }
    if (this.#waiting.length > 0) this.#later(this.#options.spacingMs, this.#options.schedule);
  }

  #takeGroup(): Waiting<T, R>[] {
    let weight = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      const next = weight + this.#options.weightOf(item);
      if (count > 0 && next > this.#options.weightMax) break;
      weight = next;
      count += 1;
    }
    this.#waitingWeight -= weight;
    return this.#waiting.splice(0, count);
  }
}

function settle<T, R>({ resolve, reject }: Waiting<T, R>, outcome: CommitResult<R> | undefined): void {
  if (outcome === undefined) reject(new Error("a commit has an outcome for each of its items"));
  else if ("error" in outcome) reject(outcome.error);
  else resolve(outcome.result);
}
