import type { RateLimit } from "./rate-limit.ts";

/** A message with units is given up after this long (ms). */
const LOST_MS = 5000;

type Carrier = "ask" | "background";

/**
 * What an isolate has admitted and its server doesn't know of: units that wait to be told, and
 * those on the way in one message at a time. Whether a lost message was counted can't be known: its
 * units are told again, counted twice rather than never. Times are steady ms: the owner sees to
 * that.
 */
export class UntoldUnits {
  readonly #limit: RateLimit;
  #waiting = 0;
  #waitingSinceMs = 0;
  #carried = 0;
  #carriedSinceMs = 0;
  #carriedBy: Carrier | null = null;

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /** Units no message carries yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Units on the way; 0 where none are. */
  get carried(): number {
    return this.#carriedBy === null ? 0 : this.#carried;
  }

  get carriedBy(): Carrier | null {
    return this.#carriedBy;
  }

  /** When the message under way was sent. */
  get carriedSinceMs(): number {
    return this.#carriedSinceMs;
  }

  advance(atMs: number): void {
    if (this.#carriedBy !== null && atMs - this.#carriedSinceMs > LOST_MS) this.takeBack();
    // What is older than the window would be counted as new.
    if (atMs - this.#waitingSinceMs >= this.#limit.windowMs) this.#waiting = 0;
  }

  add(atMs: number, units: number): void {
    if (this.#waiting === 0) this.#waitingSinceMs = atMs;
    this.#waiting = Math.min(this.#limit.limit, this.#waiting + units);
  }

  /** Puts all that wait into a message. Only where none is under way, or at the very end. */
  carry(atMs: number, by: Carrier): number {
    this.#carriedBy = by;
    this.#carried = this.#waiting;
    this.#carriedSinceMs = atMs;
    this.#waiting = 0;
    return this.#carried;
  }

  /** The server has counted what was on the way. */
  told(): void {
    this.#carriedBy = null;
  }

  /** The message under way is lost. */
  takeBack(): void {
    this.#carriedBy = null;
    this.add(this.#carriedSinceMs, this.#carried);
  }
}
