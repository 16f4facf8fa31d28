import { overloadLimiter, type OverloadKind } from "../../src/resilience/overload-kinds.ts";
import type { Criticality } from "../../src/resilience/criticality.ts";
import type { OverloadLimiter } from "../../src/resilience/overload-limiter.ts";
import { mulberry32 } from "./mulberry32.ts";
import { VirtualTime } from "./virtual-time.ts";

/*
 * An upstream does so much at once and queues the rest, first come, first served; calls arrive by a Poisson process, at half of what it can
 * do for ten seconds and then at `load` times of it. Work that was sent is never recalled: the upstream still does what nobody waits for.
 */

export interface Upstream {
  /** Pieces of work done at once. */
  readonly places: number;
  /** What one takes on average, in ms: half of it always, the rest by an exponential distribution. */
  readonly serviceMs: number;
}

export interface OverloadScenario {
  readonly limiter: OverloadKind | "none";
  /** Offered calls, in multiples of what the upstream can do. */
  readonly load: number;
  readonly seed: number;
  readonly upstream?: Upstream;
  /** After this the client goes away, in ms; it waits forever at infinity. */
  readonly deadlineMs?: number;
  /** For how long half of the load comes before, in ms. 0: the limiter meets the load cold. */
  readonly warmUpMs?: number;
  /** What share of calls is of which class; all are critical if absent. */
  readonly mix?: readonly (readonly [Criticality, number])[];
  /** After this long the load goes back to half for good, in ms. */
  readonly overloadMs?: number;
}

export interface OverloadResult {
  /** Answers in time, as a share of what the upstream can do. */
  readonly goodput: number;
  /** Half of the admitted calls took at most this long, in multiples of one call's service time. */
  readonly p50: number;
  readonly p99: number;
  /** Share of the offered calls that was shed. */
  readonly shed: number;
  readonly shedOf: Readonly<Record<Criticality, number>>;
  /** The same after the load is back to half, from one second on. */
  readonly shedAfter: number;
}

interface Call {
  readonly atMs: number;
  readonly criticality: Criticality;
  isAdmitted: boolean;
  isDone: boolean;
  tookMs: number;
}

const STARTS_AT_MS = 1_000_000;
export const UPSTREAM: Upstream = { places: 40, serviceMs: 25 };
const SETTLING_MS = 2_000;
const AFTER_MS = 5_000;

/** Runs one overload in virtual time. The same scenario always ends the same. */
export function simulateOverload(scenario: OverloadScenario): OverloadResult {
  const { limiter: kind, load, seed, upstream = UPSTREAM, deadlineMs = Number.POSITIVE_INFINITY } = scenario;
  const { warmUpMs = 10_000, mix = [["critical", 1]], overloadMs = 20_000 } = scenario;
  const random = mulberry32(seed);
  const time = new VirtualTime(STARTS_AT_MS);
  const limiter: OverloadLimiter | null = kind === "none" ? null : overloadLimiter(kind);
  const ratePerMs = upstream.places / upstream.serviceMs;
  const beginsAtMs = STARTS_AT_MS + warmUpMs;
  const endsAtMs = beginsAtMs + overloadMs;
  const calls: Call[] = [];
  const queue: (() => void)[] = [];
  let taken = 0;
  let head = 0;

  function serve(finished: () => void): void {
    taken += 1;
    const serviceMs = upstream.serviceMs * (0.5 - 0.5 * Math.log(1 - random()));
    time.after(serviceMs, () => {
      taken -= 1;
      finished();
      const next = queue[head];
      if (next === undefined) return;
      head += 1;
      next();
    });
  }

  function send(call: Call): void {
    const settle = (isSuccess: boolean): void => {
      if (call.isDone) return;
      call.isDone = true;
      call.tookMs = isSuccess ? time.nowMs - call.atMs : Number.POSITIVE_INFINITY;
      limiter?.done(time.nowMs, call.atMs, isSuccess ? "success" : "failure");
    };
    if (taken < upstream.places) serve(() => settle(true));
    else queue.push(() => serve(() => settle(true)));
    if (deadlineMs < Number.POSITIVE_INFINITY) time.after(deadlineMs, () => settle(false));
  }

  function arrive(): void {
    const call: Call = { atMs: time.nowMs, criticality: pick(mix, random()), isAdmitted: true, isDone: false, tookMs: 0 };
    calls.push(call);
    call.isAdmitted = limiter?.admit(time.nowMs, call.criticality) ?? true;
    if (call.isAdmitted) send(call);
    const factor = time.nowMs >= beginsAtMs && time.nowMs < endsAtMs ? load : 0.5;
    if (time.nowMs < endsAtMs + AFTER_MS) time.after(-Math.log(1 - random()) / (ratePerMs * factor), arrive);
  }

  arrive();
  time.run();
  const measured = calls.filter(({ atMs }) => atMs >= beginsAtMs + SETTLING_MS && atMs < endsAtMs);
  const after = calls.filter(({ atMs }) => atMs >= endsAtMs + 1_000);
  return measure(measured, after, ratePerMs * (overloadMs - SETTLING_MS), upstream.serviceMs, deadlineMs);
}

function measure(calls: readonly Call[], after: readonly Call[], capacity: number, serviceMs: number, deadlineMs: number): OverloadResult {
  const took = calls.filter(({ isAdmitted }) => isAdmitted).map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  // Whoever waits forever is still not served by what comes after ten seconds.
  const inTime = took.filter((ms) => ms <= Math.min(deadlineMs, 10_000)).length;
  const shedOf = (criticality: Criticality): number => shedShare(calls.filter((call) => call.criticality === criticality));
  return {
    goodput: inTime / capacity,
    p50: (took[Math.floor(took.length / 2)] ?? 0) / serviceMs,
    p99: (took[Math.floor(took.length * 0.99)] ?? 0) / serviceMs,
    shed: shedShare(calls),
    shedOf: {
      critical_plus: shedOf("critical_plus"),
      critical: shedOf("critical"),
      sheddable_plus: shedOf("sheddable_plus"),
      sheddable: shedOf("sheddable"),
    },
    shedAfter: shedShare(after),
  };
}

function shedShare(calls: readonly Call[]): number {
  return calls.filter(({ isAdmitted }) => !isAdmitted).length / Math.max(1, calls.length);
}

function pick(mix: readonly (readonly [Criticality, number])[], random: number): Criticality {
  let left = random;
  for (const [criticality, share] of mix) {
    if (left < share) return criticality;
    left -= share;
  }
  return "critical";
}
