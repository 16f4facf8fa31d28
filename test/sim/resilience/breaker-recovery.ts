import type { Breaker } from "../../../src/resilience/breaker/breaker.ts";
import { UpstreamBreaker } from "../../../src/durable/biz/upstream-breaker.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../../src/resilience/breaker/shared-breaker.ts";
import { SreBreaker } from "../../../src/resilience/breaker/sre-breaker.ts";
import { AegisBreaker } from "./aegis-breaker.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";

/*
 * An upstream works, is dead for 30 s (to 34 s, by the seed: a breaker that tries every 5 s must
 * not gain from its phase) and works again. Calls arrive by a Poisson process and fall on four
 * isolates at random. What does each breaker let through to the dead upstream, and how soon does it
 * let calls through to the repaired one?
 */

interface Candidate {
  readonly title: string;
  /** @param luck - the isolates' own: what they draw changes no arrival */
  readonly make: (reporter: string, luck: () => number) => Breaker;
}

const CANDIDATES = {
  shared: {
    title: "shared (Hystrix's trip, shared probing)",
    make: (reporter, random) => new SharedBreaker({ engine: new HystrixBreaker(), reporter, random }),
  },
  alone: { title: "shared state out of reach (5 s, doubling)", make: () => new HystrixBreaker() },
  sre: { title: "SRE engine", make: () => new SreBreaker() },
  hystrix: { title: "Hystrix's defaults", make: () => new HystrixBreaker({ openMsMax: 5_000 }) },
  aegis: { title: "aegis's defaults", make: () => new AegisBreaker() },
} as const satisfies Record<string, Candidate>;
type BreakerName = keyof typeof CANDIDATES;

/**
 * How an isolate calls by itself, evenly but for a tenth. In the background nobody waits for a
 * call, and a rejected one waits for the verdict.
 */
export interface Pace {
  readonly everyMs: number;
  readonly isBackground?: boolean;
  /** How long after the upstream's death the isolate is gone; never if absent. */
  readonly goneAfterMs?: number;
}

interface Scenario {
  readonly breaker: BreakerName;
  /**
   * Calls per second of all isolates together, at random times; or the isolates, each with a pace
   * of its own.
   */
  readonly rps: number | readonly Pace[];
  readonly seed: number;
}

interface Recovery {
  /**
   * From the repair to the moment from which on 95 % of the next five seconds' calls are admitted.
   */
  readonly recoveredAfterMs: number;
  /** Share of the calls offered while the upstream was dead that reached it. */
  readonly leakedShare: number;
  /**
   * Calls that reached the dead upstream, per second, from two seconds after the shared state
   * opened. NaN where no state is shared.
   */
  readonly probesPerSecond: number;
}

interface Call {
  readonly atMs: number;
  readonly isAdmitted: boolean;
}

const ISOLATES = 4;
const STARTS_AT_MS = 1_000_000;
const DIES_AT_MS = STARTS_AT_MS + 30_000;
const DEAD_MS = 30_000;
const PHASE_MS = 1_000;
const PHASES = 5;
const WATCHED_AFTER_MS = 60_000;
const ANSWER_MS = 20;
/** A dead upstream doesn't answer: the call runs into its time limit. */
const TIME_LIMIT_MS = 400;
const ONE_WAY_MS = 15;
/**
 * By then every isolate has heard of the opening, and what was under way has ended; those that call
 * seldom hear of it at their next call but one.
 */
const SETTLING_MS = 2_000;
const SELDOM_MS = 5_000;
const RECOVERED_SHARE = 0.95;
const RECOVERED_FOR_MS = 5_000;
const RECOVERY_STEP_MS = 100;

/** Runs one upstream's death and repair in virtual time. The same scenario always ends the same. */
export function simulateRecovery({ breaker, rps, seed }: Scenario): Recovery {
  const random = mulberry32(seed);
  const luck = mulberry32(seed + 1);
  const repairedAtMs = DIES_AT_MS + DEAD_MS + PHASE_MS * (seed % PHASES);
  const time = new VirtualTime(STARTS_AT_MS);
  const state = new UpstreamBreaker(new MemoryObjectStore(), time.now);
  let openedAtMs = Number.NaN;
  const isolates = Array.from({ length: typeof rps === "number" ? ISOLATES : rps.length }, (_, index) =>
    CANDIDATES[breaker].make(`isolate-${index}`, luck),
  );
  const calls: Call[] = [];

  function report(shared: SharedBreaker, hear: () => void = () => undefined): void {
    const sent = shared.takeReport(time.now());
    if (sent === null) return hear();
    time.after(ONE_WAY_MS, () => {
      const verdict = state.report(sent);
      if (verdict.state === "open" && Number.isNaN(openedAtMs)) openedAtMs = time.now();
      time.after(ONE_WAY_MS, () => {
        shared.learn(time.now(), verdict);
        hear();
      });
    });
  }

  function call(isolate: Breaker | undefined, waits: boolean): void {
    if (isolate === undefined) return;
    const admission = isolate.admit(time.now(), random());
    if (admission.kind === "rejected" && waits && isolate instanceof SharedBreaker)
      return report(isolate, () => call(isolate, false));
    calls.push({ atMs: time.now(), isAdmitted: admission.kind !== "rejected" });
    if (admission.kind === "rejected") {
      if (isolate instanceof SharedBreaker) report(isolate);
      return;
    }
    const isDead = time.now() >= DIES_AT_MS && time.now() < repairedAtMs;
    time.after(isDead ? TIME_LIMIT_MS : ANSWER_MS, () => {
      isolate.record(time.now(), isDead ? "failure" : "success", admission.kind);
      if (isolate instanceof SharedBreaker) report(isolate);
    });
  }

  const isOver = (): boolean => time.now() >= repairedAtMs + WATCHED_AFTER_MS;

  function arriveAtRandom(perSecond: number): void {
    call(isolates[Math.floor(random() * ISOLATES)], false);
    if (!isOver()) time.after((-Math.log(1 - random()) * 1_000) / perSecond, () => arriveAtRandom(perSecond));
  }

  function arriveAtPace(isolate: Breaker | undefined, pace: Pace): void {
    call(isolate, pace.isBackground === true);
    const isGone = time.now() - DIES_AT_MS >= (pace.goneAfterMs ?? Number.POSITIVE_INFINITY);
    if (!isGone && !isOver())
      time.after(pace.everyMs * (0.95 + 0.1 * random()), () => arriveAtPace(isolate, pace));
  }

  if (typeof rps === "number") arriveAtRandom(rps);
  else
    for (const [index, pace] of rps.entries())
      time.after(random() * pace.everyMs, () => arriveAtPace(isolates[index], pace));
  time.run();
  return {
    recoveredAfterMs: recoveredAfterMs(calls, repairedAtMs),
    leakedShare: shareAdmitted(calls, DIES_AT_MS, repairedAtMs),
    probesPerSecond: perSecond(calls, openedAtMs + settlingMs(rps), repairedAtMs),
  };
}

function settlingMs(rps: Scenario["rps"]): number {
  const pacesMs =
    typeof rps === "number"
      ? []
      : rps.map(({ everyMs }) => everyMs).filter((everyMs) => everyMs <= SELDOM_MS);
  return SETTLING_MS + Math.max(0, ...pacesMs);
}

const RATES = [5, 20, 200];
const SEEDS = [1, 2, 3, 4, 5];

/**
 * The comparison as a table in markdown: the worst recovery and the mean leak of five runs each.
 */
export function breakerRecoveryTable(): string {
  const rows = Object.entries(CANDIDATES).map(([name, { title }]) => {
    const cells = RATES.map((rps) => {
      const runs = SEEDS.map((seed) => simulateRecovery({ breaker: name as BreakerName, rps, seed }));
      const worstMs = Math.max(...runs.map((run) => run.recoveredAfterMs));
      const leaked = runs.reduce((sum, run) => sum + run.leakedShare, 0) / runs.length;
      return `${(worstMs / 1_000).toFixed(1)} s, ${(leaked * 100).toFixed(1)} %`;
    });
    return `| ${[title, ...cells].join(" | ")} |`;
  });
  const head = `| recovery, leak | ${RATES.map((rps) => `${rps} rps`).join(" | ")} |`;
  return [head, `|${" --- |".repeat(RATES.length + 1)}`, ...rows].join("\n");
}

function recoveredAfterMs(calls: readonly Call[], repairedAtMs: number): number {
  const after = calls.filter((call) => call.atMs >= repairedAtMs);
  for (let afterMs = 0; afterMs + RECOVERED_FOR_MS <= WATCHED_AFTER_MS; afterMs += RECOVERY_STEP_MS) {
    const fromMs = repairedAtMs + afterMs;
    if (shareAdmitted(after, fromMs, fromMs + RECOVERED_FOR_MS) >= RECOVERED_SHARE) return afterMs;
  }
  return Number.POSITIVE_INFINITY;
}

function shareAdmitted(calls: readonly Call[], fromMs: number, untilMs: number): number {
  const offered = calls.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
  return offered.filter((call) => call.isAdmitted).length / offered.length;
}

function perSecond(calls: readonly Call[], fromMs: number, untilMs: number): number {
  const reached = calls.filter(({ atMs, isAdmitted }) => isAdmitted && atMs >= fromMs && atMs < untilMs);
  return (reached.length * 1_000) / (untilMs - fromMs);
}
