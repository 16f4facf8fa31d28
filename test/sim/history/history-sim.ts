import { MAP_BEFORE } from "../../../src/history/biz/buckets-of-before.ts";
import { watchClasses } from "./history-class-watch.ts";
import { BrokenInvariant, must } from "../kernel/broken-invariant.ts";
import { HistoryClients } from "./history-clients.ts";
import type { Counts } from "../kernel/counts.ts";
import { sitOutCap } from "./history-cap.ts";
import { hardshipUnder, limitsUnder, mayBeAway, mayBeOld, planFaults } from "./history-fault-troubles.ts";
import { checkAlarm, checkBusy, checkDatabase, checkLog } from "./history-invariants.ts";
import { FAULTS_MENDED, type FaultName } from "./history-known-faults.ts";
import { drawHardship, drawLimits, planOutages, planTrouble, USERS } from "./history-trouble.ts";
import { CALM, type Hardship } from "./history-hardship.ts";
import { HEALTHY, type Mutation } from "./history-mutation.ts";
import { LONG_MS, troubleMsOf } from "./history-span.ts";
import type { WorldOptions } from "./history-scene.ts";
import { HistoryWorld, seedOf } from "./history-world.ts";
import { Kernel } from "../kernel/kernel.ts";
import { NO_TROUBLE } from "../kernel/trouble.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";

/** What the release before went by. */
const START_MS = 1_800_000_000_000;
const CRON_MS = 300_000;
/**
 * Long enough for everything: clocks ten minutes apart, leases of ten minutes, retries and sweeps
 * that come every five.
 */
const HEALED_MS = 2_700_000;
const READ_MS = 60_000;
const READ_SPACING_MS = 100;
/** Share of worlds where the release before has been. */
const OLD = 0.3;
/**
 * From the first confirmation after an outage to the last: two alarms, a batch, and a message that
 * waits for its next attempt.
 */
const RESUMED_MS_MAX = 180_000;
/**
 * Of so many reports in the first half of a short world one is acknowledged in it, if of its calls
 * no more fail than that.
 */
const REPORTS_MIN = 12;
const FAILS_MAX = 0.1;
const BEATS = 16;
const BEAT_MS = 10_000;
/** Share of worlds in which a shard is evicted between two of them. */
const EVICTED = 0.5;
/** From the last beat to the end of it all: the longest window, and what a flush takes. */
const QUIET_MS = 150_000;

const EVERYWHERE: readonly FaultName[] = FAULTS_MENDED.filter(({ share }) => share === 1).map(
  ({ name }) => name,
);

export interface SimOptions {
  readonly mutation?: Mutation;
  /**
   * Troubles of their own that are on in this world, instead of the one that its seed may bring:
   * two of them would be in each other's way.
   */
  readonly faults?: readonly FaultName[];
  /** What carries keys to the job; if absent, a queue, or what is broken. */
  readonly bus?: "queue" | "kafka";
  /** Where the values of reports are kept; in the shards if absent. */
  readonly hotStore?: "shard" | "redis";
}

/** What a seed came to. `failure` is what was broken, null if nothing was. */
export interface SimResult {
  readonly seed: number;
  readonly steps: number;
  readonly failure: string | null;
  readonly trace: readonly string[];
  readonly counts: Counts;
}

/** One world from one seed: minutes of trouble, then healing, then everything must be in D1. */
export async function simulateHistory(
  seed: number,
  {
    mutation = HEALTHY,
    faults = [],
    bus = mutation.bus === undefined ? "queue" : "kafka",
    hotStore = mutation.hotStore ?? "shard",
  }: SimOptions = {},
): Promise<SimResult> {
  let sim: HistorySim | null = null;
  const undoWatch = watchClasses(() => sim?.world ?? null);
  const undo = mutation.patch?.();
  try {
    const asked = mutation.under === undefined ? faults : [...faults, mutation.under];
    sim = new HistorySim(
      seed,
      mutation,
      new Set(asked.length > 0 ? [...EVERYWHERE, ...asked] : mendedIn(seed, mutation)),
      { bus, hotStore },
    );
    let failure: string | null = null;
    try {
      await sim.run();
    } catch (error) {
      failure =
        error instanceof BrokenInvariant
          ? error.message
          : String(error instanceof Error ? error.stack : error);
    }
    const { kernel, world } = sim;
    return { seed, steps: kernel.steps, failure, trace: kernel.trace, counts: world.counters.counts };
  } finally {
    undo?.();
    undoWatch();
  }
}

/**
 * The mended faults whose trouble is part of this world: those of every world, and at most one of
 * those that need a world of their own.
 */
function mendedIn(seed: number, mutation: Mutation): readonly FaultName[] {
  let luck = mulberry32(seed)();
  for (const { name, share } of FAULTS_MENDED) {
    if (share === 1) continue;
    // What is broken on purpose has its hour at the cap where it asks for one: an hour is dear.
    const isOnlyAsked = name === "spending-cap" && mutation !== HEALTHY;
    if (luck < share && !isOnlyAsked) return [...EVERYWHERE, name];
    luck -= share;
  }
  return EVERYWHERE;
}

class HistorySim {
  readonly kernel: Kernel;
  readonly world: HistoryWorld;
  readonly #clients: HistoryClients;
  readonly #hardship: Hardship;

  constructor(
    seed: number,
    mutation: Mutation,
    faults: ReadonlySet<FaultName>,
    stores: Pick<WorldOptions, "bus" | "hotStore">,
  ) {
    this.kernel = new Kernel(seed, START_MS, () => this.#check());
    this.#hardship = hardshipUnder(faults, drawHardship(this.kernel));
    const isOld = this.kernel.chance(OLD) && mayBeOld(faults);
    this.world = new HistoryWorld({
      kernel: this.kernel,
      mutation,
      faults,
      limits: { ...limitsUnder(faults, drawLimits(this.kernel)), ...mutation.limits },
      hardship: this.#hardship,
      ...stores,
      troubleMs: troubleMsOf(seed, faults),
      isOld,
      seedShards: seedOf(isOld),
      // What has older shards has its map by default; the others would spread their users anew.
      before: isOld ? null : MAP_BEFORE,
    });
    this.#clients = new HistoryClients(this.world);
  }

  async run(): Promise<void> {
    const { kernel, world } = this;
    kernel.trouble = this.#hardship.trouble;
    planTrouble(kernel, world, this.#clients);
    if (mayBeAway(world.options.faults)) planOutages(kernel, world);
    planFaults(kernel, world, this.#clients);
    world.bus?.planSwitches();
    world.redis?.planTrouble();
    world.bus?.planPoison();
    this.#cron(Math.floor(kernel.random() * CRON_MS));
    const { isOld, faults, troubleMs } = world.options;
    await this.#runFor(troubleMs / 2);
    const mustBeTaken = this.#isLong || (this.#clients.reports >= REPORTS_MIN && this.#isMild);
    await this.#runFor(troubleMs / 2);
    if (!isOld && mustBeTaken)
      must(
        (world.counters.counts.get("report acknowledged") ?? 0) > 0,
        "reports are taken, whatever D1 does",
      );
    if (faults.has("log-outgrows-pending")) for (const shard of world.shards) checkLog(shard);

    kernel.trouble = NO_TROUBLE;
    Object.assign(this.#hardship, CALM);
    for (const database of world.databases) database.state = "well";
    world.redis?.heal();
    if (faults.has("unknown-row")) world.rollForward();
    if (faults.has("spending-cap")) await sitOutCap(world, (ms) => this.#runFor(ms));
    this.#redrive();
    this.#watchOn();
    if (faults.has("resends-without-backoff")) this.#resume();
    await this.#runFor(HEALED_MS);
    must(this.#clients.open === 0, "every caller has an answer");
    must((world.bus?.lag ?? 0) === 0, "nothing is left in the bus");
    for (const { object, pending, pendingStates, status } of world.shards) {
      must(status?.unreadValues === undefined, `${object.process.name}: no value waits to be read`);
      must(pending === 0, `${object.process.name}: nothing is pending any more`);
      must(pendingStates === 0, `${object.process.name}: no state of a user is pending any more`);
    }
    must(
      (world.redis?.leftForGood() ?? []).length === 0,
      "what D1 has stays in Redis for a while, and no longer",
    );
    const users = [...USERS, ...this.#clients.others];
    for (const userId of users) checkDatabase(world, userId);

    let unread = users.length;
    for (const [place, userId] of users.entries()) {
      this.kernel.after(place * READ_SPACING_MS, "", () => {
        this.#readAtTheEnd(userId).then(
          () => (unread -= 1),
          (error: unknown) => world.hold(false, error instanceof Error ? error.message : String(error)),
        );
      });
    }
    await this.#runFor(READ_MS);
    must(unread === 0, "every reader has an answer");
    // Whoever reads finds what is beyond what is kept, which is news.
    this.#clients.comets.check();
    if (world.broken !== null) throw world.broken;
  }

  get #isLong(): boolean {
    return this.world.options.troubleMs === LONG_MS;
  }

  /** Whether calls mostly come to something. */
  get #isMild(): boolean {
    const { failsBefore, failsAfter, storageThrows } = this.kernel.trouble;
    return failsBefore + failsAfter <= FAILS_MAX && storageThrows === 0 && !this.kernel.cap.isOn;
  }

  async #readAtTheEnd(userId: string): Promise<void> {
    const isDegraded = await this.#clients.readAll(userId);
    this.world.hold(!isDegraded, `${userId}: nothing is degraded when all is well`);
    await this.#clients.hands.poll(userId);
  }

  /**
   * A database that was away for long takes something new: what was left alone for longer and
   * longer comes with it. Where it has taken nothing, because the shard was full of what waits for
   * it, the longest lease is the end.
   */
  #resume(): void {
    const { kernel, world } = this;
    const { flushWindowMs } = world.options.limits;
    const { nowMs: resumedAtMs } = kernel;
    for (const userId of USERS) this.#clients.report(userId, ["after-the-outage"], "tv");
    kernel.after(flushWindowMs + RESUMED_MS_MAX, "", () => {
      for (const { object, status, pendingStates } of world.shards)
        world.hold(
          status === null ||
            // What came after a clear waits for that, which is sent again in its own time.
            pendingStates > 0 ||
            status.pending === 0 ||
            status.failingDatabases.length > 0 ||
            status.oldestPendingMs < kernel.nowMs - resumedAtMs,
          `${object.process.name}: what waited through an outage doesn't wait on`,
        );
    });
  }

  /** Operators try again what was set aside. */
  #redrive(): void {
    for (const atMs of [HEALED_MS / 2, HEALED_MS - QUIET_MS])
      this.kernel.after(atMs, "", () => {
        this.world.redrive().catch((error: unknown) => this.world.hold(false, String(error)));
      });
  }

  /**
   * Somebody watches one film for minutes, when all has been well for long; nobody else comes, so
   * their shard may be evicted between their reports.
   */
  #watchOn(): void {
    const { kernel, world } = this;
    const userId = USERS.find((user) => {
      const { erasure, state } = world.model.user(user);
      return erasure === "none" && state?.paused !== true;
    });
    if (userId === undefined) return;
    const key = { userId, kind: "video", itemId: "busy" };
    const beats: { positionMs: number; atMs: number }[] = [];
    // What a later release writes at the end would be found by nobody else.
    const isEvicted = kernel.chance(EVICTED) && !world.options.faults.has("unknown-row");
    for (let beat = 0; beat < BEATS; beat += 1) {
      const inMs = HEALED_MS - QUIET_MS - (BEATS - beat) * BEAT_MS;
      kernel.after(inMs, "", () => {
        for (const { positionMs } of this.#clients.report(userId, [key.itemId], "tv", { event: "playing" }))
          beats.push({ positionMs, atMs: kernel.nowMs });
      });
      if (isEvicted)
        kernel.after(inMs + BEAT_MS / 2, "", () => {
          world.counters.note("shard evicted between reports");
          kernel.crash(world.shardOf(userId).object.process);
        });
    }
    kernel.after(HEALED_MS - QUIET_MS, "", () => {
      const { erasure, state } = world.model.user(userId);
      if (erasure !== "none" || state?.paused === true) return;
      try {
        checkBusy(world, key, beats);
      } catch (error) {
        world.hold(false, error instanceof Error ? error.message : String(error));
      }
    });
  }

  #check(): void {
    if (this.world.broken !== null) throw this.world.broken;
    // An alarm that was lost, or could not be set, is believed to be there until it is overdue.
    const { counts } = this.world.counters;
    if (counts.has("storage call threw") || counts.has("alarm lost")) return;
    for (const shard of this.world.shards) checkAlarm(shard);
  }

  #cron(inMs: number): void {
    this.kernel.after(inMs, "cron", () => {
      if (!this.kernel.cap.skipsCron()) this.world.sweep().catch(() => undefined);
      this.#cron(CRON_MS);
    });
  }

  async #runFor(ms: number): Promise<void> {
    await this.kernel.runUntil(this.kernel.nowMs + ms);
    this.#check();
  }
}
