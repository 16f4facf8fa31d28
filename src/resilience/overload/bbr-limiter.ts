import { CRITICALITY_SHARE, type Criticality } from "./criticality.ts";
import { ObservedPressure } from "./observed-pressure.ts";
import type { OverloadLimiter, WorkOutcome } from "./overload-limiter.ts";
import type { Pressure } from "./pressure.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { RollingWindow } from "../window/rolling-window.ts";
import { SteadyTime } from "../steady-time.ts";

interface BbrOptions {
  /**
   * No measurement makes the limit less, so that a quiet route is not shed: an integer in [1,
   * 100000], 32 if absent. More than twice of what the upstream does at once, over all isolates,
   * would be a queue.
   */
  readonly inFlightFloor?: number;
  /**
   * No best response time below this is believed, in ms, an integer in [1, 60000]; 1 if absent. For
   * work that is done in batches: it is quick when there is little of it and waits for its batch
   * when there is much, which is no queue.
   */
  readonly rtFloorMs?: number;
  readonly pressure?: Pressure;
}

type Event = "pass" | "rtMs" | "waitedMs";

const FLOOR_MAX = 100_000;
const RT_FLOOR_MS_MAX = 60_000;
const WINDOW_MS = 10_000;
const BUCKETS = 100;
const BUCKET_MS = WINDOW_MS / BUCKETS;
/**
 * A mean of fewer response times is mostly luck where work differs, and the least of 100 such means
 * is nothing but: buckets are taken together until they have so many.
 */
const SAMPLES_MIN = 100;
/** A cold upstream is believed to be slow, so that it is not shed before it is known, in ms. */
const COLD_RT_MS = 1_000;
const COOLDOWN_MS = 1_000;
const SHARE_MIN = 0.1;
/**
 * So far over the limit, and slow already, waiting for the pressure to last would only fill a queue
 * of seconds.
 */
const FLOOD_FACTOR = 4;
/**
 * While it sheds from an upstream that is below the trigger and nearly at its best, the limit
 * grows: that more is possible shows only by trying.
 */
const RELAXED_EXCESS = 0.75;
const RELAXED_RT_FACTOR = 1.5;
const GAIN_STEP = 1.05;
const GAIN_MAX = 32;
const EWMA_WEIGHT = 0.1;
/**
 * Under lasting overload the best response time is measured anew, by letting the queue run empty
 * for a moment, even below the floor.
 */
const DRAIN_EVERY_MS = 8_000;
const DRAIN_MS_MIN = 500;
const DRAIN_MS_MAX = 2_000;
const DRAIN_SHARE = 0.5;

/**
 * Adaptive overload protection by Little's law: an upstream can have so much in flight as it
 * finishes at its best rate in its best time, and in the time that work waits on purpose. Above
 * that, work is dropped while there is pressure and for a second after it, or after the last drop:
 * a gate that opens on demand that is still too much fills a queue of seconds. A class of work may
 * fill its share of the limit ({@link CRITICALITY_SHARE}), the most critical one all of it.
 *
 * After go-kratos/aegis, ratelimit/bbr, with the probing for bandwidth and the draining for the
 * best time of Cardwell et al., "BBR: Congestion-Based Congestion Control" (2016).
 *
 * @throws RangeError for an option out of range
 */
export class BbrLimiter implements OverloadLimiter {
  readonly #floor: number;
  readonly #rtFloorMs: number;
  readonly #pressure: Pressure;
  readonly #time = new SteadyTime(WINDOW_MS);
  readonly #window = new RollingWindow<Event>({
    windowMs: WINDOW_MS,
    buckets: BUCKETS,
    events: ["pass", "rtMs", "waitedMs"],
  });
  #inFlight = 0;
  #ewmaRtMs = 0;
  #triggeredAtMs = Number.NEGATIVE_INFINITY;
  #drainedAtMs = Number.NEGATIVE_INFINITY;
  #gain = 1;
  #hasDropped = false;
  /** What the complete buckets say, worked out once for each bucket in progress. */
  #measuredSlot = Number.NEGATIVE_INFINITY;
  #maxPass = 1;
  #minRtMs = COLD_RT_MS;
  /** What a piece of work waits on purpose, on the average. */
  #waitMs = 0;
  #passes = 0;
  #waitedMs = 0;
  #groupPasses = 0;
  #groupRtMs = 0;
  readonly #visitBucket = (countOf: (event: Event) => number): void => {
    const passes = countOf("pass");
    this.#maxPass = Math.max(this.#maxPass, passes);
    this.#passes += passes;
    this.#waitedMs += countOf("waitedMs");
    this.#groupPasses += passes;
    this.#groupRtMs += countOf("rtMs");
    if (this.#groupPasses >= SAMPLES_MIN) this.#closeGroup();
  };

  constructor({ inFlightFloor = 32, rtFloorMs = 1, pressure = new ObservedPressure() }: BbrOptions = {}) {
    requireIntegerIn("inFlightFloor", inFlightFloor, 1, FLOOR_MAX);
    requireIntegerIn("rtFloorMs", rtFloorMs, 1, RT_FLOOR_MS_MAX);
    this.#floor = inFlightFloor;
    this.#rtFloorMs = rtFloorMs;
    this.#pressure = pressure;
  }

  admit(nowMs: number, criticality: Criticality): boolean {
    if (this.#mustDrop(nowMs, criticality)) return false;
    this.#inFlight += 1;
    this.#pressure.onStart(nowMs, this.#inFlight);
    return true;
  }

  done(nowMs: number, startedAtMs: number, outcome: WorkOutcome, waitedMs = 0): void {
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    if (outcome === "none") return;
    const rtMs = Math.max(0, nowMs - startedAtMs - waitedMs);
    if (outcome === "overloaded") this.#pressure.onOverloaded(nowMs);
    if (outcome === "success") {
      this.#window.add(nowMs, "pass");
      this.#window.add(nowMs, "rtMs", rtMs);
      if (waitedMs > 0) this.#window.add(nowMs, "waitedMs", waitedMs);
    }
    this.#measure(nowMs, this.#time.at(nowMs));
    // A failure after a long wait shows pressure as well as a success does; a quick one shows
    // nothing.
    if (outcome !== "success" && rtMs <= this.#minRtMs) return;
    this.#ewmaRtMs += EWMA_WEIGHT * (rtMs - this.#ewmaRtMs);
    this.#pressure.onDone(nowMs, rtMs, this.#minRtMs, this.#inFlight);
  }

  view(nowMs: number): { readonly inFlight: number; readonly limit: number; readonly shedding: boolean } {
    const atMs = this.#time.at(nowMs);
    this.#measure(nowMs, atMs);
    return {
      inFlight: this.#inFlight,
      limit: this.#limit(nowMs, atMs),
      shedding: atMs - this.#triggeredAtMs < COOLDOWN_MS,
    };
  }

  #mustDrop(nowMs: number, criticality: Criticality): boolean {
    // So little is never shed, of no class, and nothing has to be worked out: the usual case.
    if (this.#inFlight <= this.#floor * CRITICALITY_SHARE.sheddable) return false;
    const atMs = this.#time.at(nowMs);
    this.#measure(nowMs, atMs);
    if (this.#pressure.isHigh(nowMs) || this.#isFlooded(nowMs)) this.#triggeredAtMs = atMs;
    if (atMs - this.#triggeredAtMs >= COOLDOWN_MS) return false;
    if (this.#inFlight <= Math.floor(this.#limit(nowMs, atMs) * CRITICALITY_SHARE[criticality])) return false;
    this.#triggeredAtMs = atMs;
    this.#hasDropped = true;
    return true;
  }

  #isFlooded(nowMs: number): boolean {
    return (
      this.#inFlight > FLOOD_FACTOR * Math.max(this.#floor, this.#maxInFlight) &&
      this.#pressure.excess(nowMs) > 1
    );
  }

  get #maxInFlight(): number {
    return Math.floor((this.#maxPass * (this.#minRtMs + this.#waitMs)) / BUCKET_MS);
  }

  #limit(nowMs: number, atMs: number): number {
    const share = Math.min(1, Math.max(SHARE_MIN, 1 / this.#pressure.excess(nowMs)));
    const limit = Math.floor(Math.max(this.#floor, this.#maxInFlight * share) * this.#gain);
    return this.#isDraining(atMs) ? Math.floor(limit * DRAIN_SHARE) : limit;
  }

  #isDraining(atMs: number): boolean {
    if (atMs - this.#drainedAtMs >= DRAIN_EVERY_MS) this.#drainedAtMs = atMs;
    return atMs - this.#drainedAtMs < Math.min(DRAIN_MS_MAX, Math.max(DRAIN_MS_MIN, 2 * this.#minRtMs));
  }

  /** The bucket in progress doesn't count: it has not shown yet what it can do. */
  #measure(nowMs: number, atMs: number): void {
    const slot = Math.floor(atMs / BUCKET_MS);
    if (slot === this.#measuredSlot) return;
    this.#measuredSlot = slot;
    this.#maxPass = 0;
    this.#minRtMs = Number.POSITIVE_INFINITY;
    this.#passes = 0;
    this.#waitedMs = 0;
    this.#window.forEachComplete(nowMs, this.#visitBucket);
    // What is left over counts only where it is all there is.
    if (this.#maxPass === 0) this.#minRtMs = COLD_RT_MS;
    else if (this.#minRtMs === Number.POSITIVE_INFINITY) this.#closeGroup();
    this.#groupPasses = 0;
    this.#groupRtMs = 0;
    this.#waitMs = this.#waitedMs / Math.max(1, this.#passes);
    this.#minRtMs = Math.max(this.#rtFloorMs, this.#minRtMs);
    this.#maxPass = Math.max(1, this.#maxPass);
    this.#adjustGain(nowMs, atMs);
  }

  #closeGroup(): void {
    this.#minRtMs = Math.min(this.#minRtMs, this.#groupRtMs / this.#groupPasses);
    this.#groupPasses = 0;
    this.#groupRtMs = 0;
  }

  #adjustGain(nowMs: number, atMs: number): void {
    const isRelaxed =
      this.#pressure.excess(nowMs) < RELAXED_EXCESS && this.#ewmaRtMs < RELAXED_RT_FACTOR * this.#minRtMs;
    if (atMs - this.#triggeredAtMs >= COOLDOWN_MS) this.#gain = 1;
    else if (!isRelaxed) this.#gain = Math.max(1, this.#gain / GAIN_STEP);
    else if (this.#hasDropped) this.#gain = Math.min(GAIN_MAX, this.#gain * GAIN_STEP);
    this.#hasDropped = false;
  }
}
