import { UpstreamBreaker } from "../../../src/durable/biz/upstream-breaker.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../../src/resilience/breaker/shared-breaker.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";
import { CrowdWatch, type CrowdFindings, type SeenDoing } from "./crowd-watch.ts";

/*
 * One shared breaker and up to thousands of isolates, which all start at once. Each calls at random
 * times. The upstream works, is dead for a while and works again. How many reports does the object
 * get in its worst second, and how soon have all heard of it?
 */

export interface CrowdScenario {
  readonly isolates: number;
  readonly seed: number;
  /** Calls per second of each isolate; 1 if absent: too few for an isolate to find out alone. */
  readonly rps?: number;
  /** How long an isolate lives, on average, in ms; for ever if absent. Another takes its place. */
  readonly livesMs?: number;
  /** Of ten isolates so many tenths have an upstream that dies; 1 if absent. */
  readonly dyingShare?: number;
  /** As an object of the release before, it does not say how soon to report again. */
  readonly isOfBefore?: boolean;
  /** When the object forgets all that it has not stored, in ms from the start. */
  readonly restartsAtMs?: number;
  /** From when to when the upstream is dead, in ms from the start; never if absent. */
  readonly dead?: { readonly fromMs: number; readonly untilMs: number };
  readonly endsAtMs: number;
}

interface Isolate {
  readonly breaker: SharedBreaker;
  readonly isDying: boolean;
  readonly goneAtMs: number;
  seen: SeenDoing;
}

const ANSWER_MS = 20;
/** A dead upstream doesn't answer: the call runs into its time limit. */
const TIME_LIMIT_MS = 400;
const ONE_WAY_MS = 15;

/** The same scenario always ends the same. */
export function simulateCrowd(scenario: CrowdScenario): CrowdFindings {
  const { seed, rps = 1, livesMs = Number.POSITIVE_INFINITY, dyingShare = 1, endsAtMs } = scenario;
  const { fromMs, untilMs } = scenario.dead ?? { fromMs: endsAtMs, untilMs: endsAtMs };
  const random = mulberry32(seed);
  const time = new VirtualTime(0);
  const store = new MemoryObjectStore();
  const watch = new CrowdWatch({ diesAtMs: fromMs, repairedAtMs: untilMs });
  let object = new UpstreamBreaker(store, time.now);
  let born = 0;

  function report({ breaker }: Isolate): void {
    const sent = breaker.takeReport(time.now());
    if (sent === null) return;
    time.after(ONE_WAY_MS, () => {
      watch.reported(time.now());
      const verdict = object.report(sent);
      const { state, version, probeLeaseMs } = verdict;
      const answer = scenario.isOfBefore ? { state, version, probeLeaseMs } : verdict;
      watch.state(time.now(), state);
      time.after(ONE_WAY_MS, () => breaker.learn(time.now(), answer));
    });
  }

  function call(isolate: Isolate): void {
    const { kind } = isolate.breaker.admit(time.now(), random());
    const isDead = isolate.isDying && time.now() >= fromMs && time.now() < untilMs;
    isolate.seen = watch.called(time.now(), { kind, isDead, before: isolate.seen });
    if (kind === "rejected") return report(isolate);
    time.after(isDead ? TIME_LIMIT_MS : ANSWER_MS, () => {
      isolate.breaker.record(time.now(), isDead ? "failure" : "success", kind);
      report(isolate);
    });
  }

  function arrive(isolate: Isolate): void {
    if (time.now() >= endsAtMs) return;
    if (time.now() >= isolate.goneAtMs) {
      watch.gone(isolate.seen);
      return start();
    }
    call(isolate);
    time.after(pauseMs(), () => arrive(isolate));
  }

  function start(): void {
    const reporter = `isolate-${(born += 1)}`;
    const goneAtMs = time.now() - Math.log(1 - random()) * livesMs;
    watch.born();
    arrive({
      breaker: new SharedBreaker({ engine: new HystrixBreaker(), reporter, random }),
      isDying: (born * 3) % 10 < dyingShare * 10,
      goneAtMs,
      seen: null,
    });
  }

  const pauseMs = (): number => ((0.5 + random()) * 1_000) / rps;
  for (let isolate = 0; isolate < scenario.isolates; isolate += 1)
    time.after((random() * 1_000) / rps, start);
  if (scenario.restartsAtMs !== undefined)
    time.after(scenario.restartsAtMs, () => {
      object = new UpstreamBreaker(store, time.now);
    });
  time.run();
  return watch.findings();
}
