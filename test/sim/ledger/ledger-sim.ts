import { LEDGERS } from "../../../src/contracts/ledger.ts";
import { BrokenInvariant, must } from "../kernel/broken-invariant.ts";
import type { Counts } from "../kernel/counts.ts";
import { Kernel } from "../kernel/kernel.ts";
import { hasUnkept, isCappedIn, LAST_DELIVERY_MS, planCap, sitOutCap } from "./ledger-cap.ts";
import { Asking } from "./ledger-asking.ts";
import { accountsOf, LedgerClients } from "./ledger-clients.ts";
import { LedgerCounters } from "./ledger-counters.ts";
import { LedgerDepositors } from "./ledger-depositors.ts";
import { LedgerFront } from "./ledger-front.ts";
import { checkBooks, checkStream, totalChanges } from "./ledger-invariants.ts";
import { judgeAll, type Judge } from "./ledger-judges.ts";
import { countEnd } from "./ledger-end-counts.ts";
import { checkSwitchedStream, countStream, planSwitches } from "./ledger-stream.ts";
import type { StreamMode } from "./stream-mode.ts";
import { liveLong } from "./ledger-long.ts";
import { LedgerModel } from "./ledger-model.ts";
import { HEALTHY, type Mutation } from "./ledger-mutation.ts";
import { LedgerOperators } from "./ledger-operators.ts";
import { outboxOf } from "./ledger-rows.ts";
import {
  drawClocks,
  drawTrouble,
  drawUsers,
  endOutages,
  planTrouble,
  TROUBLE_MS,
  type Cast,
} from "./ledger-trouble.ts";
import { LedgerWatch } from "./ledger-watch.ts";
import { LedgerRounds } from "./ledger-rounds.ts";
import { liveWhenWell, SKEWED_MS } from "./ledger-when-well.ts";
import { ledgerWorld } from "./sim-ledger.ts";
import { NO_TROUBLE } from "../kernel/trouble.ts";

const START_MS = 1_800_000_000_000;
/** What was late has come. */
const LATE_MS = 60_000;
/**
 * Every message that can arrive has: the slow lane comes every five minutes, by clocks that are ten
 * apart.
 */
const HEALED_MS = 2_700_000;
const QUIET_CRON_MS = 600_000;
const MINUTE_MS = 60_000;
/** How often the ledgers are reconciled in between, and how many times at most in one go. */
const ROUND_MS = 120_000;
const ROUNDS_MAX = 50;

export interface SimOptions {
  readonly mutation?: Mutation;
  /** Ninety seconds of trouble, or weeks with a long outage. */
  readonly profile?: "usual" | "long";
  /** `on` if absent. */
  readonly stream?: StreamMode;
  /**
   * Who says in the end whether all is well. With another than {@link judgeAll} nothing else does:
   * it must find by itself what is wrong.
   */
  readonly judge?: Judge;
}

/** What a seed came to. `failure` is what was broken, null if nothing was. */
export interface SimResult {
  readonly seed: number;
  readonly steps: number;
  readonly failure: string | null;
  readonly trace: readonly string[];
  readonly counts: Counts;
}

/**
 * One world from one seed: trouble, then healing, then everything must have come to its end, and
 * everybody have what they were promised.
 */
export async function simulateLedgers(seed: number, options: SimOptions = {}): Promise<SimResult> {
  const undo = options.mutation?.patch?.();
  const sim = new LedgerSim(seed, options);
  let failure: string | null = null;
  try {
    await sim.run();
  } catch (error) {
    failure =
      error instanceof BrokenInvariant ? error.message : String(error instanceof Error ? error.stack : error);
  } finally {
    undo?.();
  }
  const { kernel, counters } = sim;
  return { seed, steps: kernel.steps, failure, trace: kernel.trace, counts: counters.counts };
}

class LedgerSim {
  readonly kernel: Kernel;
  readonly counters = new LedgerCounters();
  readonly #asking: Asking;
  readonly #cast: Cast;
  readonly #watch: LedgerWatch;
  /** Null where something is broken on purpose: what is told then is not told wrongly. */
  readonly #rounds: LedgerRounds | null;
  readonly #profile: "usual" | "long";
  readonly #isCapped: boolean;
  readonly #judge: Judge;
  readonly #seed: number;
  #changes = -1;

  constructor(
    seed: number,
    { mutation = HEALTHY, profile = "usual", stream = "on", judge = judgeAll }: SimOptions,
  ) {
    this.#seed = seed;
    this.kernel = new Kernel(seed, START_MS, () => this.#check());
    const { kernel, counters } = this;
    this.#profile = profile;
    const mayBeCapped = profile === "usual" && stream === "on";
    this.#isCapped = mayBeCapped && (mutation === HEALTHY ? isCappedIn(seed) : mutation.isAtCap === true);
    this.#judge = judge;
    this.#asking = new Asking(kernel);
    const { skewMsMax, jumps } = drawClocks(kernel);
    const model = new LedgerModel(drawUsers(kernel));
    const world = ledgerWorld({ kernel, mutation, counters, stream, hardship: { skewMsMax }, jumps });
    const ops = new LedgerFront(world, "ops");
    this.#cast = {
      world,
      model,
      clients: new LedgerClients(world, model, this.#asking),
      depositors: new LedgerDepositors(world, model, ops, this.#asking),
      operators: new LedgerOperators(world, model, ops),
    };
    this.#watch = new LedgerWatch(world);
    this.#rounds = mutation === HEALTHY ? new LedgerRounds(world, seed) : null;
  }

  async run(): Promise<void> {
    const { kernel, counters } = this;
    const { world, model, clients, depositors } = this.#cast;
    if (this.#profile === "long") await liveLong(kernel, this.#cast, (ms) => this.#runFor(ms));
    else {
      kernel.trouble = drawTrouble(kernel);
      planTrouble(kernel, this.#cast);
      if (world.stream === "switched") planSwitches(world, this.#seed);
      if (this.#isCapped) planCap(kernel, this.#cast, this.#seed);
      await this.#runFor(TROUBLE_MS);
      if (this.#isCapped) {
        this.#calm();
        const must = (holds: boolean, what: string): void => this.#must(holds, what);
        await sitOutCap(this.#cast, { asking: this.#asking, must, runFor: (ms) => this.#runFor(ms) });
      }
    }
    await this.#heal();
    this.#must(model.isQuiet, "every caller has an answer");
    await this.#endParked();
    clients.askAgain();
    depositors.askAgain();
    await this.#runFor(MINUTE_MS);
    // What follows happens in every world, and would tell nothing.
    countEnd(world);
    if (world.stream !== "on") countStream(world);
    counters.close();
    const checkWell = await liveWhenWell(this.#cast, (ms) => this.#runFor(ms));
    if (this.#judge === judgeAll) checkWell();
    await this.#judge(world, this.#cast.model);
  }

  /** Nothing goes wrong from now on. */
  #calm(): void {
    const { world } = this.#cast;
    this.kernel.trouble = NO_TROUBLE;
    world.hardship.skewMsMax = 0;
    for (const name of LEDGERS) endOutages(world.ledgers[name]);
  }

  async #heal(): Promise<void> {
    const { world, model, operators } = this.#cast;
    this.#calm();
    await this.#runFor(LATE_MS);
    world.cronMs = QUIET_CRON_MS;
    if (this.#isCapped && hasUnkept(world)) await this.#runFor(LAST_DELIVERY_MS);
    for (const { ledger, user } of accountsOf(model.users))
      if (model.everClosed.has(`${ledger} ${user}`)) operators.setState(ledger, user, "open");
    await this.#runFor(HEALED_MS);
  }

  /** What was parked for a good reason is the operators' to end; nothing else may be. */
  async #endParked(): Promise<void> {
    const { world, operators } = this.#cast;
    for (const name of LEDGERS) {
      for (const { state, last_error: reason } of outboxOf(world.ledgers[name])) {
        if (state !== "parked") continue;
        const isForGood =
          /closed|can't read|held back by an operator/.test(reason ?? "") ||
          (this.#profile === "long" && /given up/.test(reason ?? ""));
        this.#must(isForGood, `${name}: only what can't be delivered is parked (${reason})`);
      }
      if (this.kernel.chance(0.5)) operators.redrive(name, false, false);
    }
    await this.#runFor(2 * MINUTE_MS);
    operators.refundParked();
    await this.#runFor(SKEWED_MS);
  }

  /** Looks at the books if somebody has written to them. */
  #check(): void {
    if (this.#judge !== judgeAll) return;
    const { world, model } = this.#cast;
    const changes = LEDGERS.reduce((sum, name) => sum + totalChanges(world.ledgers[name]), 0);
    if (changes === this.#changes) return;
    this.#changes = changes;
    this.#watch.look();
    checkBooks(world.ledgers, model);
  }

  async #runFor(ms: number): Promise<void> {
    const { world } = this.#cast;
    const endMs = this.kernel.nowMs + ms;
    const stepMs = Math.max(ROUND_MS, Math.ceil(ms / ROUNDS_MAX));
    while (this.kernel.nowMs < endMs) {
      await this.kernel.runUntil(Math.min(endMs, this.kernel.nowMs + stepMs));
      await this.#rounds?.reconcile();
    }
    if (this.#judge !== judgeAll) return;
    for (const name of LEDGERS) {
      if (world.stream === "on") checkStream(world.ledgers[name]);
      else checkSwitchedStream(world.ledgers[name]);
    }
    if (this.#asking.broken !== null) throw this.#asking.broken;
  }

  #must(holds: boolean, what: string): void {
    if (this.#judge === judgeAll) must(holds, what);
  }
}
