import { BrokenInvariant, must } from "./broken-invariant.ts";
import { HistoryClients } from "./history-clients.ts";
import type { Counts } from "./history-counters.ts";
import { checkAlarm, checkDatabase } from "./history-invariants.ts";
import type { FaultName } from "./history-known-faults.ts";
import { CALM, drawHardship, drawLimits, planTrouble, USERS, TROUBLE_MS, type Hardship } from "./history-trouble.ts";
import { HEALTHY, HistoryWorld, type Mutation } from "./history-world.ts";
import { Kernel, NO_TROUBLE } from "./kernel.ts";

const START_MS = 1_800_000_000_000;
const CRON_MS = 300_000;
/**
 * Long enough for everything: clocks ten minutes apart, leases of ten minutes, retries and sweeps that come every five.
 */
const HEALED_MS = 2_700_000;
const READ_MS = 60_000;

export interface SimOptions {
  readonly mutation?: Mutation;
  /** Known faults whose trouble is on. */
  readonly faults?: readonly FaultName[];
}

/** What a seed came to. `failure` is what was broken, null if nothing was. */
export interface SimResult {
  readonly seed: number;
  readonly steps: number;
  readonly failure: string | null;
  readonly trace: readonly string[];
  readonly counts: Counts;
}

/** One world from one seed: ten minutes of trouble, then healing, then everything must be in D1. */
export async function simulateHistory(seed: number, { mutation = HEALTHY, faults = [] }: SimOptions = {}): Promise<SimResult> {
  const undo = mutation.patch?.();
  try {
    const sim = new HistorySim(seed, mutation, new Set(faults));
    let failure: string | null = null;
    try {
      await sim.run();
    } catch (error) {
      failure = error instanceof BrokenInvariant ? error.message : String(error instanceof Error ? error.stack : error);
    }
    const { kernel, world } = sim;
    return { seed, steps: kernel.steps, failure, trace: kernel.trace, counts: world.counters.counts };
  } finally {
    undo?.();
  }
}

class HistorySim {
  readonly kernel: Kernel;
  readonly world: HistoryWorld;
  readonly #clients: HistoryClients;
  readonly #hardship: Hardship;
  /** Whether alarms do what they were set to: only then must whoever has something pending have one. */
  readonly #alarmsAreTrue: boolean;

  constructor(seed: number, mutation: Mutation, faults: ReadonlySet<FaultName>) {
    this.kernel = new Kernel(seed, START_MS, () => this.#check());
    this.#hardship = drawHardship(this.kernel);
    const { trouble } = this.#hardship;
    this.#alarmsAreTrue = trouble.storageThrows === 0 && trouble.alarmsLost === 0;
    this.world = new HistoryWorld({
      kernel: this.kernel,
      mutation,
      faults,
      limits: drawLimits(this.kernel),
      hardship: this.#hardship,
    });
    this.#clients = new HistoryClients(this.world);
  }

  async run(): Promise<void> {
    const { kernel, world } = this;
    kernel.trouble = this.#hardship.trouble;
    planTrouble(kernel, world, this.#clients);
    this.#cron();
    await this.#runFor(TROUBLE_MS);

    kernel.trouble = NO_TROUBLE;
    Object.assign(this.#hardship, CALM);
    for (const database of world.databases) database.state = "well";
    await this.#runFor(HEALED_MS);
    must(this.#clients.open === 0, "every caller has an answer");
    for (const { object } of world.shards) {
      const pending = object.instance?.status().pending ?? 0;
      must(pending === 0, `${object.process.name}: nothing is pending any more`);
    }
    for (const userId of USERS) checkDatabase(world, userId);

    let unread: number = USERS.length;
    for (const userId of USERS) {
      this.#clients.readAll(userId).then(
        () => (unread -= 1),
        (error: unknown) => world.hold(false, error instanceof Error ? error.message : String(error)),
      );
    }
    await this.#runFor(READ_MS);
    must(unread === 0, "every reader has an answer");
  }

  #check(): void {
    if (this.world.broken !== null) throw this.world.broken;
    if (this.#alarmsAreTrue) for (const shard of this.world.shards) checkAlarm(shard);
  }

  #cron(): void {
    this.kernel.after(CRON_MS, "cron", () => {
      this.world.sweep().catch(() => undefined);
      this.#cron();
    });
  }

  async #runFor(ms: number): Promise<void> {
    await this.kernel.runUntil(this.kernel.nowMs + ms);
    this.#check();
  }
}
