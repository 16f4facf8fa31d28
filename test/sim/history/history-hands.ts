import { codeOf } from "../../../src/contracts/errors.ts";
import type { Mark } from "../../../src/contracts/history.ts";
import type { Elsewhere, ShardMapping } from "../../../src/history/biz/shard-mapping.ts";
import type { SimShard } from "./history-shard.ts";
import type { HistoryCalls } from "./history-calls.ts";
import { HistoryDevice } from "./history-device.ts";
import { durableRecordOf } from "./history-invariants.ts";
import { isSetAside } from "./history-stored.ts";

const KIND = "video";
const PAGES_MAX = 40;
const MARKS: readonly Mark[] = [
  { watched: true },
  { watched: true },
  { watched: false },
  { dismissed: true },
  { watched: true, dismissed: true },
];

/** People who change their history by hand, and devices that learn what has changed. */
export class HistoryHands {
  readonly #calls: HistoryCalls;
  readonly #devices = new Map<string, HistoryDevice>();

  constructor(calls: HistoryCalls) {
    this.#calls = calls;
  }

  /** Deletes an item, until that is answered. */
  remove(userId: string, itemId: string): void {
    const { world } = this.#calls;
    const item = { kind: KIND, itemId };
    this.#calls.run(async () => {
      const states = world.model.item({ userId, ...item })?.states.length ?? 0;
      await this.#until(`delete ${userId} ${itemId}`, userId, (shard, mapping) =>
        shard.remove(userId, item, mapping),
      );
      world.counters.note("item deleted");
      if (world.model.user(userId).erasure !== "none") return;
      const since = world.model.item({ userId, ...item })?.states.slice(states) ?? [];
      world.hold(
        since.some(({ deleted }) => deleted),
        `${userId} ${itemId}: a deletion that was answered is durable`,
      );
    });
  }

  /** Deletes everything. */
  clear(userId: string): void {
    const { world } = this.#calls;
    this.#calls.run(async () => {
      const before = world.model.user(userId).state?.cleared?.rev ?? 0;
      await this.#until(`clear ${userId}`, userId, (shard, mapping) => shard.clear(userId, mapping));
      world.counters.note("history cleared");
      const { erasure, state } = world.model.user(userId);
      world.hold(
        erasure !== "none" || (state?.cleared?.rev ?? 0) > before,
        `${userId}: a clear that was answered is durable`,
      );
    });
  }

  /** Pauses a history, or goes on with it. */
  setPaused(userId: string, paused: boolean): void {
    const { world } = this.#calls;
    this.#calls.run(async () => {
      const user = world.model.user(userId);
      const before = user.settings.at(-1)?.paused ?? false;
      const changes = user.settings.length;
      await this.#until(`set paused ${paused} ${userId}`, userId, (shard, mapping) =>
        shard.setSettings(userId, { paused }, mapping),
      );
      world.counters.note(paused ? "history paused" : "pause ended");
      world.hold(
        user.erasure !== "none" ||
          before === paused ||
          user.settings.slice(changes).some((change) => change.paused === paused),
        `${userId}: settings that were answered are durable`,
      );
    });
  }

  /** Marks an item by hand. */
  mark(userId: string, itemId: string): void {
    const { world, kernel } = this.#calls;
    const item = { kind: KIND, itemId };
    const mark = { ...kernel.pick(MARKS), at: kernel.nowMs };
    this.#calls.run(async () => {
      const { version } = world.model.user(userId);
      // What is beyond the newest is shown to nobody, also while that can't be written down.
      const shown = world.model.newestFirst(userId).slice(0, world.options.limits.entriesPerUserMax);
      const isThere = shown.some((record) => record.itemId === itemId);
      let isMissing = false;
      const entry = await this.#until(
        `mark ${userId} ${itemId}`,
        userId,
        (shard, mapping) => shard.mark(userId, item, mark, mapping),
        () => (isMissing = true),
      );
      const user = world.model.user(userId);
      if (user.erasure !== "none") return;
      const known = world.model.item({ userId, ...item });
      if (isMissing) {
        world.counters.note("mark of an unknown item refused");
        // Beside rows that can't be read nothing is sure.
        const isSure =
          known !== undefined &&
          !known.mayBeLost &&
          !isSetAside(world, known.record) &&
          !world.options.faults.has("unknown-row");
        world.hold(
          !isThere || user.version !== version || !isSure,
          `${userId} ${itemId}: an entry that is there can be marked`,
        );
        return;
      }
      world.counters.note("item marked by hand");
      if (entry === undefined) return;
      world.hold(
        durableRecordOf(world, userId, entry) !== undefined,
        `${userId} ${itemId}: what is answered to a mark is durable`,
      );
    });
  }

  /** A device of a user catches up, and has what the list has if nothing happens meanwhile. */
  catchUp(userId: string): void {
    this.#calls.run(() => this.poll(userId));
  }

  async poll(userId: string): Promise<void> {
    const { world, kernel } = this.#calls;
    const device = this.#deviceOf(userId);
    const { version } = world.model.user(userId);
    const limit = kernel.pick([2, 5, 100]);
    try {
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const { cursor } = device;
        const answer = await this.#calls.ask(userId, `changes ${userId}`, (shard, mapping) =>
          shard.changes(userId, { limit, ...(cursor !== undefined && { since: cursor }) }, mapping),
        );
        // Another of its calls has come first.
        if (device.cursor !== cursor) return;
        if (answer.resync === true) world.counters.note("device told to begin anew");
        if (answer.changes.some((change) => "trimmed" in change))
          world.counters.note("device told of a trim");
        if (answer.changes.some((change) => "cleared" in change))
          world.counters.note("device told of a clear");
        device.take(answer);
        if (!answer.more) return this.#check(userId, device, version);
      }
    } catch (error) {
      this.#refused(userId, error);
      world.counters.note("changes refused for now");
    }
  }

  #check(userId: string, device: HistoryDevice, version: number): void {
    const { world } = this.#calls;
    const user = world.model.user(userId);
    const items = [...user.items.values()];
    if (user.erasure !== "none" || user.version !== version) return;
    // What is redriven comes in its old place, which devices have passed.
    if (world.options.faults.has("everything-set-aside") || items.some(({ mayBeLost }) => mayBeLost)) return;
    world.counters.note("changes of a device, exact");
    const expected = world.model.newestFirst(userId).slice(0, world.options.limits.entriesPerUserMax);
    const want = expected.map(({ itemId, positionMs, atMs }) => `${itemId}@${positionMs}/${atMs}`).sort();
    const has = device
      .list()
      .map(({ itemId, positionMs, watchedAt }) => `${itemId}@${positionMs}/${watchedAt}`)
      .sort();
    world.hold(want.join() === has.join(), `${userId}: a device that asks for changes has what the list has`);
    world.hold(
      device.isPaused === (user.state?.paused ?? false),
      `${userId}: a device knows whether history is paused`,
    );
  }

  #deviceOf(userId: string): HistoryDevice {
    let device = this.#devices.get(userId);
    if (device === undefined) this.#devices.set(userId, (device = new HistoryDevice()));
    return device;
  }

  #until<T>(
    what: string,
    userId: string,
    ask: (shard: SimShard, mapping: ShardMapping) => Promise<T | Elsewhere>,
    missing: () => void = () => undefined,
  ): Promise<T | undefined> {
    return this.#calls.untilDone(
      () => this.#calls.ask<T>(userId, what, ask),
      (error) => {
        if (codeOf(error) !== "NOT_FOUND") {
          this.#refused(userId, error);
          return "again";
        }
        missing();
        return "enough";
      },
    );
  }

  #refused(userId: string, error: unknown): void {
    const code = codeOf(error);
    this.#calls.world.hold(
      code === "OVERLOADED" || code === "UNAVAILABLE" || code === "SPENDING_CAP",
      `${userId}: what is done by hand is refused for now only (${code})`,
    );
  }
}
