import type { BreakerOutcome } from "../../../src/resilience/breaker/breaker.ts";
import {
  SharedBreakerState,
  type StoredBreakerState,
  type BreakerReport,
  type BreakerVerdict,
} from "../../../src/resilience/breaker/shared-breaker-state.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../../src/resilience/breaker/shared-breaker.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly isolates: number;
  /** Calls per second and isolate, at random times. */
  readonly rps: number;
  readonly diesAtMs: number;
  readonly repairedAtMs: number;
  readonly endsAtMs: number;
  /**
   * Until then reports, answers and callers get lost, reports come twice and the shared state is
   * killed now and then.
   */
  readonly chaosUntilMs: number;
  /** From when to when no report arrives. */
  readonly cutOff?: { readonly fromMs: number; readonly untilMs: number };
}

/** A call, and what its isolate last heard before it: nothing if that is 3 s ago. */
export interface ClusterCall {
  readonly atMs: number;
  readonly isolate: string;
  readonly kind: "admitted" | "trial" | "rejected";
  readonly heard: BreakerVerdict["state"] | null;
  /** Null as long as it is under way, and for ever if its caller has vanished. */
  outcome: BreakerOutcome | null;
}

export interface Lease {
  readonly atMs: number;
  readonly holder: string;
}

interface Isolate {
  readonly name: string;
  readonly breaker: SharedBreaker;
  heard: BreakerVerdict["state"] | null;
  heardAtMs: number;
}

const STARTS_AT_MS = 1_000_000;
const TIMEOUT_MS = 1_000;
const ONE_WAY_MS_MAX = 300;
const VERDICT_MS = 3_000;
const LOSS = 0.15;

/**
 * Isolates around one ledger, in virtual time, and all that can go wrong between them. The same
 * options always end the same.
 */
export class BreakerCluster {
  readonly calls: ClusterCall[] = [];
  readonly leases: Lease[] = [];
  /** Those of which their holders have heard. */
  readonly heldLeases: Lease[] = [];
  /** When the ledger opened, and closed, in turn. */
  readonly changes: { readonly atMs: number; readonly state: BreakerVerdict["state"] }[] = [];
  readonly #options: ClusterOptions;
  readonly #time = new VirtualTime(STARTS_AT_MS);
  readonly #random: () => number;
  #ledger = new SharedBreakerState();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#random = mulberry32(options.seed);
  }

  get state(): StoredBreakerState {
    return this.#ledger.state;
  }

  run(): this {
    for (let index = 0; index < this.#options.isolates; index += 1) {
      const name = `isolate-${index}`;
      const breaker = new SharedBreaker({ engine: new HystrixBreaker(), reporter: name, random: () => 0 });
      this.#arrive({ name, breaker, heard: null, heardAtMs: Number.NEGATIVE_INFINITY });
    }
    this.#time.run();
    return this;
  }

  /** What a clock shows: whole ms. Times in options and results count from 0. */
  get #nowMs(): number {
    return Math.floor(this.#time.now()) - STARTS_AT_MS;
  }

  #arrive(isolate: Isolate): void {
    if (this.#nowMs >= this.#options.endsAtMs) return;
    this.#call(isolate);
    this.#time.after((-Math.log(1 - this.#random()) * 1_000) / this.#options.rps, () =>
      this.#arrive(isolate),
    );
  }

  #call(isolate: Isolate): void {
    const { kind } = isolate.breaker.admit(this.#time.now(), this.#random());
    const heard = this.#nowMs - isolate.heardAtMs < VERDICT_MS ? isolate.heard : null;
    const call: ClusterCall = { atMs: this.#nowMs, isolate: isolate.name, kind, heard, outcome: null };
    this.calls.push(call);
    if (kind === "rejected") return this.#report(isolate);
    if (this.#goesWrong()) return;
    const isDead = this.#nowMs >= this.#options.diesAtMs && this.#nowMs < this.#options.repairedAtMs;
    const outcome: BreakerOutcome = this.#goesWrong() ? "cancelled" : isDead ? "failure" : "success";
    this.#time.after(isDead ? 400 : 20, () => {
      call.outcome = outcome;
      isolate.breaker.record(this.#time.now(), outcome, kind);
      this.#report(isolate);
    });
  }

  /** As its owner would: one second's patience, and what comes later is not listened to. */
  #report(isolate: Isolate): void {
    const report = isolate.breaker.takeReport(this.#time.now());
    if (report === null) return;
    let isOver = false;
    const arrive = (): void => {
      const verdict = this.#ask(report);
      if (this.#goesWrong()) return;
      this.#time.after(this.#oneWayMs(), () => {
        if (isOver) return;
        isOver = true;
        if (verdict.probeLeaseMs > 0) this.heldLeases.push({ atMs: this.#nowMs, holder: isolate.name });
        Object.assign(isolate, { heard: verdict.state, heardAtMs: this.#nowMs });
        isolate.breaker.learn(this.#time.now(), verdict);
      });
    };
    const { cutOff } = this.#options;
    const isCutOff = cutOff !== undefined && this.#nowMs >= cutOff.fromMs && this.#nowMs < cutOff.untilMs;
    const isLost = isCutOff || this.#goesWrong();
    const isTwice = this.#goesWrong();
    for (let copies = isLost ? 0 : isTwice ? 2 : 1; copies > 0; copies -= 1)
      this.#time.after(this.#oneWayMs(), arrive);
    this.#time.after(TIMEOUT_MS, () => {
      if (isOver) return;
      isOver = true;
      isolate.breaker.reportFailed(this.#time.now());
    });
  }

  #ask(report: BreakerReport): BreakerVerdict {
    if (this.#goesWrong())
      this.#ledger = new SharedBreakerState(
        {},
        JSON.parse(JSON.stringify(this.#ledger.state)) as StoredBreakerState,
      );
    const before = this.#ledger.state.state;
    const verdict = this.#ledger.report(this.#time.now(), report);
    if (verdict.state !== before) this.changes.push({ atMs: this.#nowMs, state: verdict.state });
    if (verdict.probeLeaseMs > 0) this.leases.push({ atMs: this.#nowMs, holder: report.reporter });
    return verdict;
  }

  #goesWrong(): boolean {
    return this.#random() < LOSS && this.#nowMs < this.#options.chaosUntilMs;
  }

  #oneWayMs(): number {
    return this.#random() * ONE_WAY_MS_MAX;
  }
}
