import { IDLE_MS_MAX } from "../../../src/contracts/realtime.ts";
import { IDLE_ROUND_MS } from "../../../src/realtime/biz/session-watch.ts";
import { BrokenInvariant, must } from "../kernel/broken-invariant.ts";
import type { Counts } from "../kernel/counts.ts";
import { Kernel } from "../kernel/kernel.ts";
import { NO_TROUBLE } from "../kernel/trouble.ts";
import {
  checkCopy,
  checkListeners,
  checkRoom,
  checkSettled,
  checkShown,
  type ServerState,
} from "./realtime-invariants.ts";
import { HEALTHY, type RealtimeMutation } from "./realtime-mutation.ts";
import { RealtimePeople } from "./realtime-people.ts";
import {
  drawHardship,
  drawRealtimeLimits,
  drawTrouble,
  drawUsers,
  planRealtimeTrouble,
  TROUBLE_MS,
} from "./realtime-trouble.ts";
import { RealtimeWorld } from "./realtime-world.ts";

const START_MS = 1_800_000_000_000;
/**
 * Long enough for what comes late (45 s), for the calls that are made again after that, and for
 * whoever is told to come back slowly.
 */
const HEALED_MS = 180_000;
const READ_MS = 10_000;
/** From the last cut to when all are back: pauses before attempts, and of who was not told. */
const BACK_MS = 90_000;

/** What a seed came to. `failure` is what was broken, null if nothing was. */
export interface RealtimeResult {
  readonly seed: number;
  readonly steps: number;
  readonly failure: string | null;
  readonly trace: readonly string[];
  readonly counts: Counts;
}

/** One world from one seed: a minute of trouble, then healing, then every device has it all. */
export async function simulateRealtime(
  seed: number,
  { mutation = HEALTHY }: { readonly mutation?: RealtimeMutation } = {},
): Promise<RealtimeResult> {
  const undo = mutation.patch?.();
  try {
    const sim = new RealtimeSim(seed, mutation);
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
  }
}

class RealtimeSim {
  readonly kernel: Kernel;
  readonly world: RealtimeWorld;
  readonly #people: RealtimePeople;

  constructor(seed: number, mutation: RealtimeMutation) {
    this.kernel = new Kernel(seed, START_MS, () => this.#check());
    const { kernel } = this;
    this.world = new RealtimeWorld({
      kernel,
      mutation,
      hardship: drawHardship(kernel),
      limits: drawRealtimeLimits(kernel),
      users: drawUsers(kernel),
    });
    this.#people = new RealtimePeople(this.world);
  }

  async run(): Promise<void> {
    const { kernel, world } = this;
    kernel.trouble = drawTrouble(kernel);
    planRealtimeTrouble(kernel, world, this.#people);
    await this.#runFor(TROUBLE_MS);

    kernel.trouble = NO_TROUBLE;
    await this.#runFor(HEALED_MS);
    // Nobody has heard that their network is gone: such sockets are closed when they are idle.
    if (world.comet.ghosts > 0) await this.#runFor(IDLE_MS_MAX + IDLE_ROUND_MS);
    checkSettled(world);
    checkRoom(world);
    // Something new for each, that nobody has asked for.
    const text = this.#people.push();
    for (const { userId } of world.devices) this.#people.reportByHttp(userId);
    await this.#runFor(READ_MS);
    checkShown(world, text);
    await this.#checkCopies("without having been away");

    // What each has reported itself it is told when it comes back: so all of them are away once.
    for (const { line } of world.devices) line?.cut();
    await this.#runFor(BACK_MS);
    if (world.comet.ghosts > 0) await this.#runFor(IDLE_MS_MAX + IDLE_ROUND_MS);
    checkSettled(world);
    checkListeners(world);
    checkRoom(world);
    await this.#checkCopies("after a cut");
    for (const { watch, name, rules } of world.devices)
      must(
        !rules.isLive || watch.mine.size === 0,
        `${name}: nothing of its own is left that it was not told of`,
      );
  }

  async #checkCopies(when: string): Promise<void> {
    const { world } = this;
    const live = world.devices.filter(({ rules }) => rules.isLive);
    const states = new Map<string, ServerState>();
    // Within a step: what an object writes outside of one is durable only when the next one ends.
    this.kernel.after(0, "", () => {
      for (const userId of new Set(live.map((device) => device.userId)))
        this.#stateOf(userId).then(
          (state) => states.set(userId, state),
          (error: unknown) => world.hold(false, `${userId} can be read: ${String(error)}`),
        );
    });
    await this.#runFor(READ_MS);
    for (const device of live) {
      const state = states.get(device.userId);
      must(state !== undefined, `${device.userId} can be read`);
      if (state !== undefined) checkCopy(device, state, when);
    }
  }

  async #stateOf(userId: string): Promise<ServerState> {
    const { shard } = this.world;
    const list = await shard.list(userId);
    const { paused } = await shard.ask((one) => one.settings(userId));
    return { list, isPaused: paused };
  }

  #check(): void {
    if (this.world.broken !== null) throw this.world.broken;
  }

  async #runFor(ms: number): Promise<void> {
    await this.kernel.runUntil(this.kernel.nowMs + ms);
    this.#check();
  }
}
