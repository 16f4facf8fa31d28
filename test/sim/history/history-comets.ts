import type { ChangePage } from "../../../src/contracts/history.ts";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import { itemName } from "../../../src/history/biz/record.ts";
import type { Elsewhere, ShardMapping } from "../../../src/history/biz/shard-mapping.ts";
import { InjectedError, SimProcess, type Kernel } from "../kernel/kernel.ts";
import { placeOf } from "./history-cells.ts";
import type { HistoryCalls, SendReports } from "./history-calls.ts";
import { HistoryFollower } from "./history-follower.ts";
import type { SimShard } from "./history-shard.ts";
import type { HistoryWorld } from "./history-world.ts";

const BACK_MS = 3_000;
const TRY_AGAIN_MS = 2_000;
const TRY_AGAIN_MS_MAX = 60_000;
const TIMEOUT_MS = 4_000;
const PAGE_LIMIT = 4;

/** The comet of a shard, in memory: who is connected there. When it dies all sockets are cut. */
interface Comet {
  readonly process: SimProcess;
  /** Until then no shard reaches it, in ms. */
  awayUntilMs: number;
  readonly connected: Set<HistoryFollower>;
}

/**
 * Comets as shards tell them and as they ask shards, and the devices that follow by them: what is
 * simulated of the realtime worker where the history is under test.
 */
export class HistoryComets {
  readonly #world: HistoryWorld;
  readonly #kernel: Kernel;
  readonly #calls: HistoryCalls;
  readonly #comets = new Map<string, Comet>();
  readonly followers: HistoryFollower[] = [];
  /** Users of whom anybody has ever listened. */
  readonly #heard = new Set<string>();
  #sockets = 0;
  #version = 0;

  constructor(world: HistoryWorld, calls: HistoryCalls) {
    this.#world = world;
    this.#kernel = world.options.kernel;
    this.#calls = calls;
    world.onNews = (comet, news) => this.#changed(comet, news);
  }

  /** A new device of a user, which is connected from now on, but for the cuts. */
  follow(userId: string): void {
    const follower = new HistoryFollower(userId, `socket-${this.followers.length}`);
    this.followers.push(follower);
    this.#connect(follower);
  }

  /** A device is cut, and comes back after a while. */
  cut(follower: HistoryFollower): void {
    const { socket } = follower;
    if (socket === null) return;
    this.#disconnect(follower);
    this.#world.counters.note("follower cut");
    const listener = { userId: follower.userId, ...this.#listens(follower.userId) };
    const comet = this.#nameOf(follower.userId);
    this.#ask(follower.userId, "leave", (shard, mapping) => shard.leave(comet, [listener], mapping)).catch(
      () => undefined,
    );
    this.#kernel.after(Math.floor(this.#kernel.random() * BACK_MS), "", () => this.#connect(follower));
  }

  /** The comet of a user dies, with all its sockets. */
  crash(userId: string): void {
    this.#world.counters.note("comet died");
    this.#kernel.crash(this.#cometOf(userId).process);
  }

  /** No shard reaches a user's comet for a while; its sockets are well. */
  lose(userId: string, forMs: number): void {
    this.#world.counters.note("comet away");
    this.#cometOf(userId).awayUntilMs = this.#kernel.nowMs + forMs;
  }

  /** How a device reports: over its socket, or as everybody does while it has none. */
  sendFrom(follower: HistoryFollower): SendReports {
    return (shard, reports, mapping) => {
      const { userId, socket } = follower;
      if (socket === null) return shard.report(userId, reports, mapping);
      this.#world.counters.note("report by socket");
      const { sockets, version } = this.#listens(userId);
      const source = { socket, others: sockets > 1, version };
      return shard.reportOfSocket({ userId, reports, source }, mapping);
    };
  }

  /** In the end each has what the list has, and nobody has asked for it. */
  check(): void {
    for (const follower of this.followers) {
      const { userId } = follower;
      const { erasure, items } = this.#world.model.user(userId);
      if (erasure !== "none") continue;
      this.#world.hold(
        follower.socket !== null && !follower.isCatchingUp,
        `${userId}: who follows is connected when all is well`,
      );
      // What is redriven comes in its old place, which devices have passed.
      if (this.#world.options.faults.has("everything-set-aside")) continue;
      if ([...items.values()].some(({ mayBeLost }) => mayBeLost)) continue;
      this.#checkList(follower);
    }
  }

  /** What it has reported last itself it was not told. */
  #checkList({ userId, deviceId, device }: HistoryFollower): void {
    const { model, options, counters, hold } = this.#world;
    const { items, state } = model.user(userId);
    const isOwn = (name: string): boolean => items.get(name)?.record.deviceId === deviceId;
    const kept = model.newestFirst(userId).slice(0, options.limits.entriesPerUserMax);
    const want = kept.flatMap((record) =>
      isOwn(itemName(record)) ? [] : `${record.itemId}@${record.positionMs}/${record.atMs}`,
    );
    const has = device
      .list()
      .flatMap((entry) =>
        isOwn(itemName(entry)) ? [] : `${entry.itemId}@${entry.positionMs}/${entry.watchedAt}`,
      );
    counters.note("follower has what the list has");
    hold(
      want.toSorted().join() === has.toSorted().join(),
      `${userId}: a device that follows by news has what the list has`,
    );
    hold(
      device.isPaused === (state?.paused ?? false),
      `${userId}: a device that follows knows whether history is paused`,
    );
  }

  /** What a shard tells a comet. */
  #changed(name: string, news: readonly UserNews[]): readonly string[] {
    if ((this.#comets.get(name)?.awayUntilMs ?? 0) > this.#kernel.nowMs)
      throw new InjectedError(`the comet ${name} is away`);
    const gone: string[] = [];
    for (const one of news) {
      const { userId } = one;
      this.#world.hold(this.#heard.has(userId), `${userId}: nobody is told who doesn't listen`);
      const listening = [...(this.#comets.get(name)?.connected ?? [])].filter(
        (follower) => follower.userId === userId,
      );
      if (listening.length === 0) {
        gone.push(userId);
        this.#world.counters.note("news for nobody");
      }
      for (const follower of listening) this.#tell(follower, one);
    }
    return gone;
  }

  #tell(follower: HistoryFollower, news: UserNews): void {
    const { counters } = this.#world;
    if ("erased" in news) {
      counters.note("follower told of an erasure");
      this.#disconnect(follower);
    } else if ("behind" in news) {
      counters.note("follower told that it is behind");
      if (follower.isCatchingUp) follower.isStale = true;
      else void this.#catchUp(follower, news.behind);
    } else if (follower.take(news)) counters.note("follower told what has changed");
  }

  #connect(follower: HistoryFollower): void {
    if (this.#world.model.user(follower.userId).erasure !== "none") return;
    follower.socket = `s${(this.#sockets += 1)}`;
    this.#cometOf(follower.userId).connected.add(follower);
    this.#heard.add(follower.userId);
    void this.#catchUp(follower, follower.device.cursor ?? "0");
  }

  #disconnect(follower: HistoryFollower): void {
    follower.socket = null;
    follower.isCatchingUp = false;
    this.#cometOf(follower.userId).connected.delete(follower);
  }

  /** Joins, and gives it what it has missed, again until nothing has come meanwhile. */
  async #catchUp(follower: HistoryFollower, since: string): Promise<void> {
    const { userId, socket } = follower;
    follower.isCatchingUp = true;
    let waitMs = TRY_AGAIN_MS;
    for (let place = since; ;) {
      follower.isStale = false;
      const page = await this.#join(userId, place).catch((error: unknown) => {
        if (this.#world.model.user(userId).erasure !== "none") return null;
        this.#world.counters.note("follower could not join");
        return error instanceof Error ? error : new Error(String(error));
      });
      if (follower.socket !== socket) return;
      if (page === null) return this.#disconnect(follower);
      if (page instanceof Error) {
        await this.#calls.pause(waitMs);
        waitMs = Math.min(TRY_AGAIN_MS_MAX, 2 * waitMs);
        if (follower.socket !== socket) return;
        continue;
      }
      follower.catchUp(page);
      place = page.cursor;
      if (page.more || follower.isStale) continue;
      follower.isCatchingUp = false;
      return;
    }
  }

  async #join(userId: string, since: string): Promise<ChangePage | null> {
    const comet = this.#nameOf(userId);
    const { page } = await this.#ask(userId, "join", (shard, mapping) =>
      shard.join(comet, { userId, ...this.#listens(userId) }, { since, limit: PAGE_LIMIT }, mapping),
    );
    return page;
  }

  /** A comet asks; where it dies meanwhile nothing follows. */
  #ask<T>(
    userId: string,
    what: string,
    ask: (shard: SimShard, mapping: ShardMapping) => Promise<T | Elsewhere>,
  ): Promise<T> {
    const { process } = this.#cometOf(userId);
    return this.#world.ofUser(userId, (shard, mapping) =>
      this.#kernel.ask(process, `${what} ${userId}`, TIMEOUT_MS, () => ask(shard, mapping)),
    );
  }

  #listens(userId: string): { readonly sockets: number; readonly version: number } {
    const sockets = [...this.#cometOf(userId).connected].filter((other) => other.userId === userId).length;
    this.#version = Math.max(this.#version + 1, this.#kernel.nowMs);
    return { sockets, version: this.#version };
  }

  #nameOf(userId: string): string {
    return placeOf(this.#world.shardOf(userId).watch.number).name;
  }

  #cometOf(userId: string): Comet {
    const name = this.#nameOf(userId);
    let comet = this.#comets.get(name);
    if (comet === undefined) {
      const connected = new Set<HistoryFollower>();
      const process = new SimProcess(`comet-${name}`, () => this.#died(connected));
      comet = { process, connected, awayUntilMs: 0 };
      this.#comets.set(name, comet);
    }
    return comet;
  }

  #died(connected: Set<HistoryFollower>): void {
    for (const follower of connected) {
      this.#disconnect(follower);
      this.#kernel.after(Math.floor(this.#kernel.random() * BACK_MS), "", () => this.#connect(follower));
    }
  }
}
