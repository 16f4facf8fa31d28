import { codeOf } from "../../../src/contracts/errors.ts";
import type { EntryPage, Report } from "../../../src/contracts/history.ts";
import { isUnfinished } from "../../../src/history/biz/record.ts";
import { beforeRead, checkAnswer } from "./history-invariants.ts";
import type { Elsewhere, ShardMapping } from "../../../src/history/biz/shard-mapping.ts";
import type { SimShard } from "./history-shard.ts";
import type { HistoryWorld } from "./history-world.ts";
import { SimProcess, type Kernel } from "../kernel/kernel.ts";

const TIMEOUT_MS = 6_000;
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 30_000;
const READ_TRIES_MAX = 4;
const CLIENT_SKEW_MS_MAX = 7_200_000;
const PAGE_MAX = 100;
/** Share of acknowledged reports that are read back at once. */
const READS_OWN = 0.1;
const DURATION_MS_MIN = 20;
const DURATION_MS_STEP = 5;
const DEVICES = ["phone", "tv"] as const;

/** How long an item is, whoever reports it: so short that some reports are near its end. */
function durationOf(itemId: string): number {
  return DURATION_MS_MIN + DURATION_MS_STEP * itemId.length + (itemId.codePointAt(itemId.length - 1) ?? 0);
}

/**
 * Everybody outside: players that report until they are told, readers that check what they see, and
 * identity, which erases until it is done.
 */
export class HistoryClients {
  readonly #world: HistoryWorld;
  readonly #kernel: Kernel;
  readonly #process = new SimProcess("client");
  /** How wrong the clock of each device is. */
  readonly #skewMs = new Map<string, number>();
  #reports = 0;
  /** Users beside the usual ones. */
  readonly others: string[] = [];
  /** Calls that still wait for their end. */
  open = 0;

  constructor(world: HistoryWorld) {
    this.#world = world;
    this.#kernel = world.options.kernel;
  }

  /**
   * One report call for the given items, made again until it is answered, always with the same
   * times.
   */
  report(
    userId: string,
    itemIds: readonly string[],
    deviceId: string = this.#kernel.pick(DEVICES),
    more: Partial<Report> = {},
  ): readonly Report[] {
    const reports = itemIds.map((itemId) => ({ ...this.#reportOf(userId, itemId, deviceId), ...more }));
    this.#run(async () => {
      for (let tries = 0; ; tries += 1) {
        try {
          const receipt = await this.#world.ofUser(userId, (shard, mapping) =>
            this.#ask(`report ${userId} ${itemIds.join()}`, () => shard.report(userId, reports, mapping)),
          );
          return this.#acknowledged(userId, reports, receipt.accepted);
        } catch (error) {
          this.#refused(userId, error);
        }
        await this.#kernel.pause(this.#process, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** tries));
      }
    });
    return reports;
  }

  /** A report that breaks the contract, from a caller with a bug. */
  reportBadly(userId: string): void {
    const bad = { ...this.#reportOf(userId, "film-0", "tv"), positionMs: -1 };
    this.#world
      .ofUser(userId, (shard, mapping) =>
        this.#ask(`bad report ${userId}`, () => shard.report(userId, [bad], mapping)),
      )
      .catch(() => undefined);
  }

  /** Reads a user's history in one of the ways there are. */
  read(userId: string, itemIds: readonly string[]): void {
    const way = this.#kernel.pick(["list", "list", "pages", "lookup", "continue"]);
    this.#run(async () => {
      for (let tries = 0; tries < READ_TRIES_MAX; tries += 1) {
        try {
          if (way === "list") await this.readAll(userId);
          else if (way === "pages") await this.#readPages(userId);
          else if (way === "continue") await this.#readUnfinished(userId);
          else await this.#lookup(userId, itemIds);
          return;
        } catch (error) {
          if ((error as Error).name === "BrokenInvariant") throw error;
        }
        await this.#kernel.pause(this.#process, RETRY_MS);
      }
    });
  }

  /**
   * Reads and checks everything of a user; says whether the answer was degraded. Throws where there
   * was none.
   */
  async readAll(userId: string): Promise<boolean> {
    const before = beforeRead(this.#world, userId);
    const { items, degraded } = await this.#list(userId, PAGE_MAX);
    checkAnswer(this.#world, userId, before, { items, ...(degraded === true && { degraded }) });
    return degraded === true;
  }

  /** Erases a user, again and again until it has worked. */
  erase(userId: string): void {
    const user = this.#world.model.user(userId);
    if (user.erasure !== "none") return;
    user.erasure = "begun";
    this.#run(async () => {
      for (let tries = 0; ; tries += 1) {
        try {
          await this.#world.erase(userId);
          user.erasure = "done";
          return this.#world.counters.note("user erased");
        } catch {
          await this.#kernel.pause(this.#process, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** tries));
        }
      }
    });
  }

  async #readPages(userId: string): Promise<void> {
    const before = beforeRead(this.#world, userId);
    const items: EntryPage["items"][number][] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#list(userId, 3, cursor);
      // Pages of different times may repeat an item or miss it; only what one state answers can be
      // checked.
      if (this.#world.model.user(userId).version !== before.version || page.degraded === true) return;
      if (cursor !== undefined) this.#world.counters.note("page continued by its cursor");
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    checkAnswer(this.#world, userId, before, { items });
  }

  async #readUnfinished(userId: string): Promise<void> {
    const before = beforeRead(this.#world, userId);
    const { items, degraded } = await this.#read(userId, "what may be continued", (shard, mapping) =>
      shard.continueWatching(userId, PAGE_MAX, mapping),
    );
    this.#readAnswered(degraded);
    checkAnswer(this.#world, userId, before, {
      items,
      accept: isUnfinished,
      ...(degraded === true && { degraded }),
    });
  }

  async #lookup(userId: string, itemIds: readonly string[]): Promise<void> {
    const before = beforeRead(this.#world, userId);
    const asked = itemIds.map((itemId) => ({ kind: "video", itemId }));
    const { items, degraded } = await this.#read(userId, "look up", (shard, mapping) =>
      shard.lookup(userId, asked, mapping),
    );
    this.#readAnswered(degraded);
    checkAnswer(this.#world, userId, before, { items, asked, ...(degraded === true && { degraded }) });
  }

  async #list(userId: string, limit: number, cursor?: string): Promise<EntryPage> {
    const query = { limit, ...(cursor !== undefined && { cursor }) };
    const page = await this.#read(userId, "list", (shard, mapping) => shard.list(userId, query, mapping));
    this.#readAnswered(page.degraded);
    return page;
  }

  /**
   * Asks the user's shard. A read is never refused for where its caller is, nor for what the
   * caller's clock says.
   */
  async #read(
    userId: string,
    what: string,
    ask: (shard: SimShard, mapping: ShardMapping) => Promise<EntryPage | Elsewhere>,
  ): Promise<EntryPage> {
    try {
      return await this.#world.ofUser(userId, (shard, mapping) =>
        this.#ask(`${what} ${userId}`, () => ask(shard, mapping)),
      );
    } catch (error) {
      // A crowd that reads at once may find all places of its database taken.
      this.#world.hold(
        codeOf(error) !== "OVERLOADED" || this.others.length > 0,
        `${userId}: no read is refused by a shard that has nothing to do`,
      );
      throw error;
    }
  }

  #readAnswered(degraded: true | undefined): void {
    this.#world.counters.note(degraded === true ? "read answered degraded" : "read answered");
  }

  #reportOf(userId: string, itemId: string, deviceId: string): Report {
    const kernel = this.#kernel;
    const device = `${userId} ${deviceId}`;
    let skewMs = this.#skewMs.get(device);
    if (skewMs === undefined) {
      skewMs = kernel.chance(0.5) ? 0 : Math.floor((2 * kernel.random() - 1) * CLIENT_SKEW_MS_MAX);
      this.#skewMs.set(device, skewMs);
    }
    this.#reports += 1;
    return {
      kind: "video",
      itemId,
      positionMs: this.#reports,
      ...kernel.pick([{}, {}, {}, {}, { durationMs: 0 }, { durationMs: durationOf(itemId) }]),
      event: kernel.pick(["playing", "playing", "paused", "ended"]),
      deviceId,
      // Where a client gives no time the BFF does, once, before the first attempt.
      at: this.#world.options.faults.has("report-without-at") ? kernel.nowMs : kernel.nowMs + skewMs,
    };
  }

  #refused(userId: string, error: unknown): void {
    const { counters, hold, options } = this.#world;
    const code = codeOf(error);
    counters.note(code === "OVERLOADED" ? "report refused as overloaded" : "report sent again");
    hold(
      code === "OVERLOADED" || code === "UNAVAILABLE",
      `${userId}: a good report is refused for now only (${code})`,
    );
    if (code !== "OVERLOADED") return;
    const isStarved = options.faults.has("one-database-fills-all") && this.#world.databaseOf(userId) === 0;
    hold(!isStarved, `${userId}: who has a healthy database is not refused for another's`);
  }

  #acknowledged(userId: string, reports: readonly Report[], accepted: number): void {
    const { model, counters, hold } = this.#world;
    const { erasure } = model.user(userId);
    if (accepted < reports.length) {
      hold(erasure !== "none", `${userId}: only reports of erased users are ignored`);
      return counters.note("report of an erased user ignored");
    }
    counters.note("report acknowledged", reports.length);
    if (erasure !== "none") return;
    for (const { positionMs, durationMs = 0 } of reports) {
      const durable = model.reportAt(positionMs);
      hold(durable !== undefined, `${userId}: what is acknowledged is durable`);
      hold(durationMs === 0 || durable?.durationMs === durationMs, `${userId}: and so is its duration`);
    }
    // Whoever has reported looks at it.
    if (this.#kernel.chance(READS_OWN))
      this.read(
        userId,
        reports.map(({ itemId }) => itemId),
      );
  }

  #ask<T>(what: string, effect: () => Promise<T>): Promise<T> {
    return this.#kernel.ask(this.#process, what, TIMEOUT_MS, effect);
  }

  #run(task: () => Promise<void>): void {
    this.open += 1;
    task()
      .catch((error: unknown) =>
        this.#world.hold(false, error instanceof Error ? error.message : String(error)),
      )
      .finally(() => (this.open -= 1));
  }
}
