/**
 * A holder that uses fewer units per hold gets them one by one: a bigger lease would mostly lie
 * unused, missing to the others.
 */
const BUSY_UNITS = 4;
/** Prefetch when a quarter of a lease is left, of its units or of its time. */
const PREFETCH_AT = 1 / 4;
const RTT_MS_START = 50;
const RTT_MS_MAX = 1000;
/**
 * A slow answer is remembered for about eight more: running dry costs a round trip, asking early
 * costs nothing.
 */
const RTT_DECAY = 7 / 8;

/**
 * How many units a holder should lease, and when: as many as it used in the last hold, or in this
 * one if that is more already. Since used leases make the next one larger, sizes double from one to
 * what is needed (TCP's slow start), and shrink with the use.
 */
export class LeaseDemand {
  readonly #holdMs: number;
  #holdStartMs = 0;
  #used = 0;
  #usedBefore = 0;
  #rttMs = RTT_MS_START;

  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  used(nowMs: number, units: number): void {
    this.#roll(nowMs);
    this.#used += units;
  }

  /** An answer took this long (ms). */
  tookMs(rttMs: number): void {
    this.#rttMs = Math.min(RTT_MS_MAX, Math.max(rttMs, this.#rttMs * RTT_DECAY));
  }

  /** How long an answer takes (ms), seen with caution. */
  get rttMs(): number {
    return this.#rttMs;
  }

  /** Units for one hold; 0 for a holder that should ask for each one. */
  size(nowMs: number): number {
    this.#roll(nowMs);
    const units = Math.max(this.#used, this.#usedBefore);
    return units >= BUSY_UNITS ? units : 0;
  }

  /** Whether units should be fetched before these ones are used up or end. */
  wantsMore(nowMs: number, units: number, endsAtMs: number): boolean {
    const size = this.size(nowMs);
    if (size === 0) return false;
    const part = Math.max(PREFETCH_AT, (2 * this.#rttMs) / this.#holdMs);
    return units <= size * part || endsAtMs - nowMs <= this.#holdMs * part;
  }

  #roll(nowMs: number): void {
    const holds = Math.floor((nowMs - this.#holdStartMs) / this.#holdMs);
    if (holds < 1) return;
    this.#usedBefore = holds === 1 ? this.#used : 0;
    this.#used = 0;
    this.#holdStartMs += holds * this.#holdMs;
  }
}
