import { CRITICALITY_SHARE, type Criticality } from "./criticality.ts";
import { ObservedPressure } from "./observed-pressure.ts";
import type { OverloadLimiter, WorkOutcome } from "./overload-limiter.ts";
import type { Pressure } from "./pressure.ts";

export interface BbrOptions {
  readonly windowMs?: number;
  readonly buckets?: number;
  /** In flight, below which nothing is ever shed. */
  readonly inFlightFloor?: number;
  /**
   * No best response time below this is believed, in ms, a number in [1, 60000]; 1 if absent. For work that is done in batches: it is quick when there is
   * little of it and waits for its batch when there is much, which is no queue.
   */
  readonly rtFloorMs?: number;
  readonly pressure?: Pressure;
}

/** A cold upstream is believed to be slow, so that it is not shed before it is known, in ms. */
const COLD_RT_MS = 1_000;
const COOLDOWN_MS = 1_000;
const SHARE_MIN = 0.1;
/** While there is room below the trigger, the limit may grow by this much over what has been measured: more can only be measured by trying. */
const PROBE_GAIN = 1.25;
const RELAXED = 0.75;
/** Under lasting overload the best response time is measured anew, by letting the queue run empty for a moment. */
const DRAIN_EVERY_MS = 8_000;
const DRAIN_MS_MIN = 300;
const DRAIN_SHARE = 0.5;
/** So far over what Little's law allows, waiting for response times to tell would fill a queue of seconds. */
const BURST_FACTOR = 4;
const WARM_BUCKETS = 10;

/**
 * Adaptive overload protection by Little's law: an upstream can have so much in flight as it finishes at its best rate in its best time.
 * After go-kratos/aegis, ratelimit/bbr, and Cardwell et al., "BBR: Congestion-Based Congestion Control" (2016), whose probing for bandwidth and
 * draining for the round-trip time it takes over. The cooldown counts from the last trigger, and a drop counts as one: demand that is
 * still too much is no reason to open the gate.
 */
export class BbrLimiter implements OverloadLimiter {
  readonly #bucketMs: number;
  readonly #size: number;
  readonly #floor: number;
  readonly #rtFloorMs: number;
  readonly #pressure: Pressure;
  readonly #slots: Float64Array;
  readonly #passes: Float64Array;
  readonly #rtSums: Float64Array;
  #lastMs = Number.NEGATIVE_INFINITY;
  #inFlight = 0;
  #triggeredAtMs = Number.NEGATIVE_INFINITY;
  #drainedAtMs = Number.NEGATIVE_INFINITY;
  /** What the complete buckets say, worked out once for each bucket in progress. */
  #measuredSlot = Number.NEGATIVE_INFINITY;
  #maxPass = 1;
  #minRtMs = COLD_RT_MS;
  #warm = false;

  constructor({ windowMs = 10_000, buckets = 100, inFlightFloor = 32, rtFloorMs = 1, pressure = new ObservedPressure() }: BbrOptions = {}) {
    if (!Number.isInteger(buckets) || buckets < 2 || buckets > 1_000) {
      throw new RangeError(`buckets must be an integer in [2, 1000], got ${buckets}`);
    }
    if (!Number.isInteger(windowMs / buckets) || windowMs < buckets || windowMs > 60_000) {
      throw new RangeError(`windowMs must be a multiple of buckets in [${buckets}, 60000], got ${windowMs}`);
    }
    if (!Number.isInteger(inFlightFloor) || inFlightFloor < 1 || inFlightFloor > 100_000) {
      throw new RangeError(`inFlightFloor must be an integer in [1, 100000], got ${inFlightFloor}`);
    }
    if (!(rtFloorMs >= 1 && rtFloorMs <= 60_000)) throw new RangeError(`rtFloorMs must be in [1, 60000], got ${rtFloorMs}`);
    this.#rtFloorMs = rtFloorMs;
    this.#bucketMs = windowMs / buckets;
    this.#size = buckets;
    this.#floor = inFlightFloor;
    this.#pressure = pressure;
    this.#slots = new Float64Array(buckets).fill(Number.NEGATIVE_INFINITY);
    this.#passes = new Float64Array(buckets);
    this.#rtSums = new Float64Array(buckets);
  }

  admit(nowMs: number, criticality: Criticality): boolean {
    const atMs = this.#clamp(nowMs);
    if (this.#mustDrop(atMs, criticality)) {
      this.#triggeredAtMs = atMs;
      return false;
    }
    this.#inFlight += 1;
    this.#pressure.onStart(atMs, this.#inFlight);
    return true;
  }

  done(nowMs: number, startedAtMs: number, outcome: WorkOutcome): void {
    const atMs = this.#clamp(nowMs);
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    const rtMs = Math.max(0, atMs - startedAtMs);
    if (outcome === "overloaded") this.#pressure.onOverloaded(atMs);
    if (outcome === "success") this.#pass(atMs, rtMs);
    this.#measure(atMs);
    // A failure after a long wait shows pressure as well as a success does; a quick one shows nothing.
    if (outcome === "success" || rtMs > this.#minRtMs) this.#pressure.onDone(atMs, rtMs, this.#minRtMs);
  }

  view(nowMs: number): { readonly inFlight: number; readonly limit: number; readonly shedding: boolean } {
    const atMs = this.#clamp(nowMs);
    this.#measure(atMs);
    return { inFlight: this.#inFlight, limit: this.#limit(atMs), shedding: atMs - this.#triggeredAtMs < COOLDOWN_MS };
  }

  #mustDrop(atMs: number, criticality: Criticality): boolean {
    // Below the smallest limit there can be, nothing has to be worked out: the usual case.
    if (this.#inFlight < this.#floor * DRAIN_SHARE * CRITICALITY_SHARE.sheddable) return false;
    this.#measure(atMs);
    const isBurst = this.#warm && this.#inFlight > BURST_FACTOR * Math.max(this.#floor, this.#maxInFlight);
    if (isBurst || this.#pressure.isHigh(atMs)) this.#triggeredAtMs = atMs;
    if (atMs - this.#triggeredAtMs >= COOLDOWN_MS) return false;
    return this.#inFlight >= Math.max(1, Math.floor(this.#limit(atMs) * CRITICALITY_SHARE[criticality]));
  }

  get #maxInFlight(): number {
    return Math.floor((this.#maxPass * this.#minRtMs) / this.#bucketMs);
  }

  #limit(atMs: number): number {
    const limit = Math.max(this.#floor, Math.floor(this.#maxInFlight * this.#share(atMs)));
    return this.#isDraining(atMs) ? Math.ceil(limit * DRAIN_SHARE) : limit;
  }

  /** Less the further over the trigger it is; a little more than was measured where it is well below. */
  #share(atMs: number): number {
    const excess = this.#pressure.excess(atMs);
    if (excess < RELAXED) return PROBE_GAIN;
    return Math.min(1, Math.max(SHARE_MIN, 1 / excess));
  }

  #isDraining(atMs: number): boolean {
    if (atMs - this.#drainedAtMs >= DRAIN_EVERY_MS) this.#drainedAtMs = atMs;
    return atMs - this.#drainedAtMs < Math.max(DRAIN_MS_MIN, 2 * this.#minRtMs);
  }

  #pass(atMs: number, rtMs: number): void {
    const slot = Math.floor(atMs / this.#bucketMs);
    const index = slot % this.#size;
    if (this.#slots[index] !== slot) {
      this.#slots[index] = slot;
      this.#passes[index] = 0;
      this.#rtSums[index] = 0;
    }
    this.#passes[index] = (this.#passes[index] ?? 0) + 1;
    this.#rtSums[index] = (this.#rtSums[index] ?? 0) + rtMs;
  }

  /** The bucket in progress doesn't count: it has not shown yet what it can do. */
  #measure(atMs: number): void {
    const slot = Math.floor(atMs / this.#bucketMs);
    if (slot === this.#measuredSlot) return;
    this.#measuredSlot = slot;
    let maxPass = 1;
    let minRtMs = Number.POSITIVE_INFINITY;
    let filled = 0;
    for (let index = 0; index < this.#size; index += 1) {
      const age = slot - (this.#slots[index] ?? 0);
      const passes = this.#passes[index] ?? 0;
      if (age < 1 || age >= this.#size || passes === 0) continue;
      filled += 1;
      maxPass = Math.max(maxPass, passes);
      minRtMs = Math.min(minRtMs, (this.#rtSums[index] ?? 0) / passes);
    }
    this.#maxPass = maxPass;
    this.#minRtMs = filled === 0 ? COLD_RT_MS : Math.max(this.#rtFloorMs, minRtMs);
    this.#warm = filled >= WARM_BUCKETS;
  }

  #clamp(nowMs: number): number {
    if (nowMs > this.#lastMs) this.#lastMs = nowMs;
    return this.#lastMs;
  }
}
