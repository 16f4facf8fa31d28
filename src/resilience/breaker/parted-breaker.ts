import type { Breaker, BreakerAdmission, BreakerOutcome, BreakerView } from "./breaker.ts";
import { HystrixBreaker } from "./hystrix-breaker.ts";
import { requireIntegerIn } from "../require-number-in.ts";
import { SteadyTime } from "../steady-time.ts";

export interface PartedBreakerOptions {
  /**
   * Judges all parts together: it hears of each part that fails once in ten seconds, however many
   * of its calls fail.
   */
  readonly whole: Breaker;
  /**
   * Parts that have failed and are remembered, an integer in [1, 100000]; 1000 if absent. The one
   * that failed first is forgotten first.
   */
  readonly partsMax?: number;
}

/** A part that has failed. */
interface Failing {
  readonly own: HystrixBreaker;
  toldAtMs: number;
}

const PARTS_MAX = 100_000;
/** As long as the whole keeps what it hears. */
const TELL_EVERY_MS = 10_000;
/**
 * A part is one object and has few callers: a handful of failures says enough, and a trial every
 * few seconds costs nothing.
 */
const RULE = { callsMin: 5, openMs: 1_000, openMsMax: 5_000 } as const;

/**
 * A breaker over things that fail apart, such as the objects of many clients: one that is ill is
 * left alone by itself, whatever it is asked, and closes none of the others; where most of those
 * asked are ill, all are left alone. A part costs nothing until it fails. A call that names no part
 * is the whole's.
 *
 * @throws RangeError for an option out of range
 */
export class PartedBreaker implements Breaker {
  readonly #whole: Breaker;
  readonly #partsMax: number;
  readonly #time = new SteadyTime(TELL_EVERY_MS);
  readonly #failing = new Map<string, Failing>();

  constructor({ whole, partsMax = 1_000 }: PartedBreakerOptions) {
    requireIntegerIn("partsMax", partsMax, 1, PARTS_MAX);
    this.#whole = whole;
    this.#partsMax = partsMax;
  }

  admit(nowMs: number, random: number, part?: string): BreakerAdmission {
    const own = this.#ownOf(part)?.own;
    const byItself = own?.admit(nowMs);
    if (byItself?.kind === "rejected") return byItself;
    const together = this.#whole.admit(nowMs, random);
    if (byItself?.kind !== "trial") return together;
    // It found nothing out.
    if (together.kind === "rejected") own?.record(nowMs, "cancelled", "trial");
    return together.kind === "rejected" ? together : byItself;
  }

  record(nowMs: number, outcome: BreakerOutcome, admission: "admitted" | "trial", part?: string): void {
    const failing = outcome === "failure" && part !== undefined ? this.#failingOf(part) : this.#ownOf(part);
    failing?.own.record(nowMs, outcome, admission);
    if (failing !== undefined && outcome === "failure") {
      const atMs = this.#time.at(nowMs);
      // The end of the whole's own trial is awaited, be it of a part that it has heard of.
      const isAwaited = admission === "trial" && this.#whole.view(nowMs).state === "half_open";
      if (!isAwaited && atMs - failing.toldAtMs < TELL_EVERY_MS) return;
      failing.toldAtMs = atMs;
    }
    this.#whole.record(nowMs, outcome, admission);
  }

  /** That of the whole. */
  view(nowMs: number): BreakerView {
    return this.#whole.view(nowMs);
  }

  #ownOf(part: string | undefined): Failing | undefined {
    return part === undefined ? undefined : this.#failing.get(part);
  }

  #failingOf(part: string): Failing {
    const known = this.#failing.get(part);
    if (known !== undefined) return known;
    if (this.#failing.size >= this.#partsMax) {
      const [first] = this.#failing.keys();
      if (first !== undefined) this.#failing.delete(first);
    }
    const fresh = { own: new HystrixBreaker(RULE), toldAtMs: Number.NEGATIVE_INFINITY };
    this.#failing.set(part, fresh);
    return fresh;
  }
}
