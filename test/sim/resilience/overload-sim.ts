import type { Criticality } from "../../../src/resilience/overload/criticality.ts";
import {
  OVERLOAD_LIMITERS,
  overloadLimiter,
  type OverloadLimiterName,
} from "../../../src/resilience/overload/overload-limiters.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

/*
 * An upstream does so much at once and queues the rest, first come, first served. Calls arrive by a
 * Poisson process: for ten seconds at half of what the upstream can do, for twenty at `load` times
 * of it, for five at half again. Work that was sent is never recalled: the upstream does it even if
 * nobody waits any more, as the runtime does. How much is answered in time, how soon, and who is
 * shed?
 */

interface Upstream {
  /** Pieces of work done at once. */
  readonly places: number;
  /** What one takes on average, in ms. */
  readonly serviceMs: number;
  /**
   * Which share of that follows an exponential distribution, the rest being the same for all; a
   * half if absent.
   */
  readonly spread?: number;
}

export interface OverloadScenario {
  readonly limiter: OverloadLimiterName | "none";
  /** Offered calls, in multiples of what the upstream can do. */
  readonly load: number;
  readonly seed: number;
  readonly upstream?: Upstream;
  /** After this the client goes away, in ms; it waits forever at infinity. */
  readonly deadlineMs?: number;
  /** For how long half of the load comes before, in ms. 0: the limiter meets the load cold. */
  readonly warmUpMs?: number;
  /** Limiters among which the calls fall at random, none of which knows of the others. */
  readonly isolates?: number;
  /** From when the load comes, work takes so many times longer. */
  readonly slowdown?: number;
  /** From when on results count, in ms after the load came. */
  readonly settlingMs?: number;
  /** Which share of calls is of which class; all are critical if absent. */
  readonly mix?: Readonly<Partial<Record<Criticality, number>>>;
}

interface OverloadResult {
  /** Answers in time, as a share of what the upstream can do. */
  readonly goodput: number;
  /** Half of the answers took at most this long, in multiples of what one piece of work takes. */
  readonly p50: number;
  /** 99 of 100 answers took at most this long, in ms. */
  readonly p99Ms: number;
  /** Share of the calls offered in the same time that was shed. */
  readonly shed: number;
  readonly shedOf: (criticality: Criticality) => number;
  /** Share shed after the load was back at half, from a second on. */
  readonly shedAfter: number;
}

interface Call {
  readonly atMs: number;
  readonly criticality: Criticality;
  readonly isAdmitted: boolean;
}

interface Answer {
  readonly atMs: number;
  readonly tookMs: number;
}

const STARTS_AT_MS = 1_000_000;
const UPSTREAM: Upstream = { places: 40, serviceMs: 25 };
const WARM_UP_MS = 10_000;
const OVERLOAD_MS = 20_000;
const AFTER_MS = 5_000;
const SETTLING_MS = 2_000;
const SPREAD = 0.5;
const QUIET_LOAD = 0.5;

/** Runs one overload in virtual time. The same scenario always ends the same. */
export function simulateOverload(scenario: OverloadScenario): OverloadResult {
  const {
    limiter: kind,
    load,
    seed,
    upstream = UPSTREAM,
    deadlineMs = Number.POSITIVE_INFINITY,
    warmUpMs = WARM_UP_MS,
  } = scenario;
  const { isolates = 1, slowdown = 1, settlingMs = SETTLING_MS, mix = { critical: 1 } } = scenario;
  const random = mulberry32(seed);
  const time = new VirtualTime(STARTS_AT_MS);
  const limiters = Array.from({ length: isolates }, () => (kind === "none" ? null : overloadLimiter(kind)));
  const beginsAtMs = STARTS_AT_MS + warmUpMs;
  const endsAtMs = beginsAtMs + OVERLOAD_MS;
  const isOver = (): boolean => time.now() >= beginsAtMs && time.now() < endsAtMs;
  const server = new Server(upstream.places, time, () => {
    const { serviceMs, spread = SPREAD } = upstream;
    return serviceMs * (isOver() ? slowdown : 1) * (1 - spread - spread * Math.log(1 - random()));
  });
  const calls: Call[] = [];
  const answers: Answer[] = [];

  function call(): void {
    const limiter = limiters[Math.floor(random() * isolates)] ?? null;
    const atMs = time.now();
    const criticality = pick(mix, random());
    const isAdmitted = limiter?.admit(atMs, criticality) ?? true;
    calls.push({ atMs, criticality, isAdmitted });
    if (!isAdmitted) return;
    let isDone = false;
    const end = (outcome: "success" | "failure"): void => {
      if (isDone) return;
      isDone = true;
      if (outcome === "success") answers.push({ atMs: time.now(), tookMs: time.now() - atMs });
      limiter?.done(time.now(), atMs, outcome);
    };
    server.take(() => end("success"));
    if (deadlineMs < Number.POSITIVE_INFINITY) time.after(deadlineMs, () => end("failure"));
  }

  function arrive(): void {
    call();
    const perMs = (upstream.places / upstream.serviceMs) * (isOver() ? load / slowdown : QUIET_LOAD);
    if (time.now() < endsAtMs + AFTER_MS) time.after(-Math.log(1 - random()) / perMs, arrive);
  }

  arrive();
  time.run();
  const isMeasured = ({ atMs }: { readonly atMs: number }): boolean =>
    atMs >= beginsAtMs + settlingMs && atMs < endsAtMs;
  const offered = calls.filter(isMeasured);
  const taken = answers.filter(isMeasured).map(({ tookMs }) => tookMs);
  const possible = (upstream.places / (upstream.serviceMs * slowdown)) * (OVERLOAD_MS - settlingMs);
  return {
    goodput: taken.length / possible,
    p50: percentile(taken, 50) / (upstream.serviceMs * slowdown),
    p99Ms: percentile(taken, 99),
    shed: shedShare(offered),
    shedOf: (criticality) => shedShare(offered.filter((call) => call.criticality === criticality)),
    shedAfter: shedShare(calls.filter(({ atMs }) => atMs >= endsAtMs + 1_000)),
  };
}

/** Does so much at once, and the rest in the order in which it came. */
class Server {
  readonly #time: VirtualTime;
  readonly #serviceMs: () => number;
  readonly #queue: (() => void)[] = [];
  #head = 0;
  #free: number;

  constructor(places: number, time: VirtualTime, serviceMs: () => number) {
    this.#free = places;
    this.#time = time;
    this.#serviceMs = serviceMs;
  }

  take(finished: () => void): void {
    this.#queue.push(finished);
    this.#next();
  }

  #next(): void {
    const finished = this.#queue[this.#head];
    if (this.#free === 0 || finished === undefined) return;
    this.#free -= 1;
    this.#head += 1;
    this.#time.after(this.#serviceMs(), () => {
      this.#free += 1;
      finished();
      this.#next();
    });
  }
}

function pick(mix: Readonly<Partial<Record<Criticality, number>>>, random: number): Criticality {
  let left = random;
  for (const [criticality, share] of Object.entries(mix)) {
    left -= share;
    if (left < 0) return criticality as Criticality;
  }
  return "critical";
}

function shedShare(calls: readonly Call[]): number {
  return calls.filter(({ isAdmitted }) => !isAdmitted).length / Math.max(1, calls.length);
}

function percentile(values: readonly number[], percent: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length * percent) / 100)] ?? Number.NaN;
}

const LOADS = [0.5, 0.8, 1.2, 2, 5, 10] as const;
const TABLE_DEADLINE_MS = 1_000;

/**
 * Markdown: goodput and median of each limiter at each load, for clients that wait a second.
 * Deterministic.
 */
export function overloadTable(): string {
  const cell = (limiter: OverloadScenario["limiter"], load: number): string => {
    const { goodput, p50 } = simulateOverload({ limiter, load, seed: 1, deadlineMs: TABLE_DEADLINE_MS });
    return `${Math.round(goodput * 100)} % (${Number.isNaN(p50) ? "–" : `${p50.toFixed(1)}×`})`;
  };
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    row(["limiter", ...LOADS.map((load) => `${load}× load`)]),
    row(["---", ...LOADS.map(() => "---")]),
    ...["none" as const, ...OVERLOAD_LIMITERS].map((limiter) =>
      row([limiter, ...LOADS.map((load) => cell(limiter, load))]),
    ),
  ].join("\n");
}
