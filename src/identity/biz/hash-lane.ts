import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";

export interface HashLaneDeps {
  readonly now: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  /** How long a new caller would wait, in ms. */
  readonly patienceMs: () => number;
  /**
   * Lets work go on after its caller has gone: what has a place must get to the point where it
   * gives it back.
   */
  readonly keep: (work: Promise<unknown>) => void;
}

interface Waiter {
  readonly owner: string;
  /** How many of its owner's were before it when it came. */
  readonly rank: number;
  readonly untilMs: number;
  seenAtMs: number;
}

interface Place {
  readonly owner: string;
  /** When it can't be in use any more. */
  readonly vanishesAtMs: number;
}

const AT_WORK_MAX = 2;
const WAITING_MAX = 16;
const WAIT_MS_MAX = 3_000;
const POLL_MS = 20;
/**
 * A waiting request looks every few ms, and at least once in the time of two hashes: one that
 * hasn't looked for so long is gone.
 */
const GONE_AFTER_MS = 1_000;
/**
 * A hash and what belongs to it takes less than half of this, with every upstream as late as it may
 * be.
 */
const HELD_MS_MAX = 10_000;
const RETRY_MS = 2_000;

/**
 * All hashing of passwords in an isolate: two at work, sixteen that wait for at most three seconds,
 * the rest is refused at once. One hash keeps a core busy for a tenth of a second, and whatever
 * else the isolate does stands still meanwhile.
 *
 * It is fair to owners (an address, an account): next is the request with the fewest of its own
 * owner's before it, then the oldest; a full queue takes in an owner who has less in it by sending
 * away the last of the owner who has most. So an owner with many passwords doesn't keep out one
 * with a single one.
 *
 * A waiting request looks by itself whether it is its turn (the runtime lets no request wake
 * another); a request that was dropped no longer looks, and is passed by.
 */
export class HashLane {
  readonly #deps: HashLaneDeps;
  readonly #time = new SteadyTime(HELD_MS_MAX);
  /** In the order they came. */
  readonly #waiting = new Set<Waiter>();
  readonly #atWork = new Set<Place>();

  constructor(deps: HashLaneDeps) {
    this.#deps = deps;
  }

  /**
   * Does the work when its turn has come. Throws `OVERLOADED`, and does nothing, where that is too
   * far off.
   */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const place = await this.#turnOf(owner);
    const working = this.#holding(place, work);
    this.#deps.keep(working.catch(() => undefined));
    return working;
  }

  async #turnOf(owner: string): Promise<Place> {
    const waiter = this.#join(owner);
    for (;;) {
      const nowMs = this.#nowMs();
      if (!this.#waiting.has(waiter)) throw refused();
      waiter.seenAtMs = nowMs;
      if (this.#isNext(waiter, nowMs)) {
        this.#waiting.delete(waiter);
        const place = { owner, vanishesAtMs: nowMs + HELD_MS_MAX };
        this.#atWork.add(place);
        return place;
      }
      if (nowMs >= waiter.untilMs) {
        this.#waiting.delete(waiter);
        throw refused();
      }
      await this.#deps.sleep(POLL_MS);
    }
  }

  async #holding<T>(place: Place, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#atWork.delete(place);
    }
  }

  #join(owner: string): Waiter {
    const nowMs = this.#nowMs();
    const rank = countOf(this.#waiting, owner) + countOf(this.#atWork, owner);
    if (this.#waiting.size >= WAITING_MAX) this.#makeRoom(rank, nowMs);
    const waitMs = Math.min(WAIT_MS_MAX, this.#deps.patienceMs());
    const waiter = { owner, rank, untilMs: nowMs + waitMs, seenAtMs: nowMs };
    this.#waiting.add(waiter);
    return waiter;
  }

  #makeRoom(rank: number, nowMs: number): void {
    for (const waiter of this.#waiting) if (isGone(waiter, nowMs)) this.#waiting.delete(waiter);
    if (this.#waiting.size < WAITING_MAX) return;
    const last = [...this.#waiting].reduce((a, b) => (b.rank >= a.rank ? b : a));
    if (last.rank <= rank) throw refused();
    this.#waiting.delete(last);
  }

  #isNext(waiter: Waiter, nowMs: number): boolean {
    for (const place of this.#atWork) if (place.vanishesAtMs <= nowMs) this.#atWork.delete(place);
    if (this.#atWork.size >= AT_WORK_MAX) return false;
    let isBehind = false;
    for (const other of this.#waiting) {
      if (other === waiter) isBehind = true;
      else if (!isGone(other, nowMs) && (isBehind ? other.rank < waiter.rank : other.rank <= waiter.rank))
        return false;
    }
    return true;
  }

  #nowMs(): number {
    return this.#time.at(this.#deps.now());
  }
}

function isGone({ seenAtMs }: Waiter, nowMs: number): boolean {
  return nowMs - seenAtMs >= GONE_AFTER_MS;
}

function countOf(those: ReadonlySet<{ readonly owner: string }>, owner: string): number {
  let count = 0;
  for (const one of those) if (one.owner === owner) count += 1;
  return count;
}

/**
 * A refusal is no failure of identity: no breaker counts it, and the client is told not to come
 * again at once.
 */
function refused(): CodedError {
  return new CodedError("OVERLOADED", "More passwords wait to be looked at than can be", {
    retryAfterMs: RETRY_MS,
    mustNotRetry: true,
    failedBelow: true,
  });
}
