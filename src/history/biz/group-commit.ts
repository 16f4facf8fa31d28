import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { CommitWait } from "./commit-wait.ts";

/**
 * Runs `callback` once after `delayMs`, unless it is called off by what it answers. In a Durable
 * Object a timer keeps the object awake, and its memory billed, so it is never long, and never left
 * behind.
 */
export type Schedule = (delayMs: number, callback: () => void) => CallOff;
type CallOff = () => void;

export interface GroupCommitOptions<T, R> {
  /** How long a commit waits for company. */
  readonly wait: CommitWait;
  /** Who has sent an item: whoever waits for an answer sends no other meanwhile. */
  readonly clientOf: (item: T) => string;
  /** Weight of what one commit may carry; the rest waits for the next. */
  readonly weightMax: number;
  /** Weight of what may wait; beyond it `submit` throws `OVERLOADED`. */
  readonly waitingWeightMax: number;
  readonly weightOf: (item: T) => number;
  /**
   * Makes all items durable in one step and returns what came of each, in order. If it throws, none
   * of them happened.
   */
  readonly commit: (group: readonly Grouped<T>[]) => readonly CommitResult<R>[];
  readonly now: Clock;
  readonly schedule: Schedule;
}

/** An item of a commit. */
export interface Grouped<T> {
  readonly item: T;
  /** How long it has waited on purpose, in ms: for company, and not behind other work. */
  readonly waitedMs: number;
}

/** What came of one item: an item that can't be written fails alone. */
export type CommitResult<R> = { readonly result: R } | { readonly error: unknown };

interface Waiting<T, R> {
  readonly item: T;
  readonly atMs: number;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/** Of the time that an item has left when it comes, so much may go by for the company's sake. */
const PATIENCE_SHARE = 0.5;

/**
 * Group commit (DeWitt et al., 1984): all items that wait share a commit, so that the cost of one
 * falls as load grows. How long the first of them waits for the others is `CommitWait`'s to say;
 * where company isn't worth a wait, each commits at once. An item's promise settles only after its
 * commit.
 */
export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>;
  #waiting: Waiting<T, R>[] = [];
  #waitingWeight = 0;
  /** Of the timer that is set; null where none is. */
  #callOff: CallOff | null = null;
  /** When what waits now was to be committed at the latest. */
  #dueMs = Number.NEGATIVE_INFINITY;
  /** How many there were when the wait for others began. */
  #waitedFirst = 0;

  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options;
  }

  /** @param remainingMs - how long the item's answer is waited for */
  submit(item: T, remainingMs = Number.POSITIVE_INFINITY): Promise<R> {
    const promise = this.#push(item, this.#options.now());
    this.waitForMore([this.#options.clientOf(item)], remainingMs);
    return promise;
  }

  /**
   * Adds an item that comes with others. When it is committed {@link commitNow} or
   * {@link waitForMore} says, one of which is to be called in the same turn.
   */
  submitGathered(item: T): Promise<R> {
    return this.#push(item, this.#options.now());
  }

  /** Commits all that waits, however long it was to wait: it has company now. */
  commitNow(): void {
    if (this.#waiting.length > 0) this.#run();
  }

  /**
   * What has come together, of these clients, waits for more. `remainingMs` is how long the answer
   * is waited for by whoever has the least patience. So many that they are a group wait for nobody.
   */
  waitForMore(clients: readonly string[], remainingMs = Number.POSITIVE_INFINITY): void {
    // None of theirs was taken: what waits already has its time.
    if (clients.length === 0) return;
    const { now, wait } = this.#options;
    const atMs = now();
    let companyMs = 0;
    for (const client of clients) companyMs = wait.arrived(atMs, client);
    const patienceMs = remainingMs * PATIENCE_SHARE;
    const waitMs = wait.isGroup(clients.length) ? 0 : Math.floor(Math.min(companyMs, patienceMs));
    if (waitMs <= 0) this.#run();
    else if (this.#callOff === null || atMs + waitMs < this.#dueMs) {
      // Who has no patience cuts a wait short and is company as well; otherwise it is a new wait.
      if (this.#callOff === null || companyMs <= patienceMs) this.#waitedFirst = this.#waiting.length;
      this.#gather(waitMs, atMs + waitMs);
    }
  }

  #push(item: T, atMs: number): Promise<R> {
    const { waitingWeightMax, weightOf } = this.#options;
    const weight = weightOf(item);
    if (this.#waitingWeight + weight > waitingWeightMax) {
      throw new CodedError("OVERLOADED", "Too many reports are waiting to be written", {
        retryAfterMs: 1_000,
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.#waiting.push({ item, atMs, resolve, reject });
    this.#waitingWeight += weight;
    return promise;
  }

  /** Whoever can wait least decides for all who wait. */
  #gather(waitMs: number, dueMs: number): void {
    this.#callOff?.();
    this.#dueMs = dueMs;
    this.#later(waitMs, () => {
      this.#options.wait.ended(this.#options.now(), this.#waiting.length - this.#waitedFirst);
      this.#run();
    });
  }

  #later(delayMs: number, then: () => void): void {
    this.#callOff = this.#options.schedule(delayMs, () => {
      this.#callOff = null;
      then();
    });
  }

  #run(): void {
    this.#callOff?.();
    this.#callOff = null;
    const { commit, now, wait, clientOf } = this.#options;
    const waiting = this.#takeGroup();
    const nowMs = now();
    const untilMs = Math.min(nowMs, this.#dueMs);
    wait.committed(nowMs);
    const group = waiting.map(({ item, atMs }) => ({ item, waitedMs: Math.max(0, untilMs - atMs) }));
    for (const { item } of waiting) wait.answered(clientOf(item));
    try {
      // I2
      const results = commit(group);
      for (const [index, one] of waiting.entries()) settle(one, results[index]);
    } catch (error) {
      for (const one of waiting) one.reject(error);
    }
    if (this.#waiting.length > 0) this.#later(0, () => this.#run());
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
