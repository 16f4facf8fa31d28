import { codeOf, hintsOf, SPENDING_CAP_RETRY_MS } from "../../../src/contracts/errors.ts";
import type { DatedReport, EntryPage, Report, ReportReceipt } from "../../../src/contracts/history.ts";
import { dateReports } from "../../../src/contracts/date-reports.ts";
import type { Elsewhere, ShardMapping } from "../../../src/history/biz/shard-mapping.ts";
import { isToContinue } from "../../../src/history/biz/watch-rules.ts";
import { checkReceipt } from "./history-acknowledged.ts";
import { HistoryCalls, type SendReports } from "./history-calls.ts";
import { HistoryComets } from "./history-comets.ts";
import { HistoryHands } from "./history-hands.ts";
import { beforeRead, checkAnswer } from "./history-invariants.ts";
import { RULES, type SimShard } from "./history-shard.ts";
import type { HistoryWorld } from "./history-world.ts";
import type { Kernel } from "../kernel/kernel.ts";

const RETRY_MS = 2_000;
const READ_TRIES_MAX = 4;
const CLIENT_SKEW_MS_MAX = 7_200_000;
const PAGE_MAX = 100;
/** Share of acknowledged reports that are read back at once. */
const READS_OWN = 0.1;
/** From one report's place to the next's: far enough apart to be another place to anybody. */
const STEP_MS = 7_000;
const DURATION_STEPS_MIN = 20;
const DURATION_STEPS = 5;
/** Share of reports that say once more where the last one of the same item was. */
const LAST_WORDS = 0.08;
const LAST_WORDS_MAX = 1_000;
const DEVICES = ["phone", "tv"] as const;

/** How long an item is, whoever reports it: so short that some reports are near its end. */
function durationOf(itemId: string): number {
  const steps =
    DURATION_STEPS_MIN + DURATION_STEPS * itemId.length + (itemId.codePointAt(itemId.length - 1) ?? 0);
  return steps * STEP_MS;
}

/** A device's clock: how wrong it is, and whether it says so with what it sends. */
interface DeviceClock {
  readonly skewMs: number;
  readonly saysSentAt: boolean;
}

/**
 * Everybody outside: players that report until they are told, readers that check what they see, and
 * identity, which erases until it is done.
 */
export class HistoryClients {
  readonly calls: HistoryCalls;
  readonly hands: HistoryHands;
  readonly comets: HistoryComets;
  readonly #world: HistoryWorld;
  readonly #kernel: Kernel;
  /** The clock of each device. */
  readonly #clocks = new Map<string, DeviceClock>();
  /** Where each item was last, and how often that was said again. */
  readonly #lastPlaces = new Map<string, { readonly positionMs: number; again: number }>();
  /** How many were made. */
  reports = 0;
  /** Users beside the usual ones. */
  readonly others: string[] = [];

  constructor(world: HistoryWorld) {
    this.#world = world;
    this.#kernel = world.options.kernel;
    this.calls = new HistoryCalls(world);
    this.hands = new HistoryHands(this.calls);
    this.comets = new HistoryComets(world, this.calls);
  }

  /** Calls that still wait for their end. */
  get open(): number {
    return this.calls.open;
  }

  /**
   * One report call for the given items, made again until it is answered, always with the same
   * times; each try is dated by the BFF as it comes.
   */
  report(
    userId: string,
    itemIds: readonly string[],
    deviceId: string = this.#kernel.pick(DEVICES),
    more: Partial<Report> | null = null,
    send: SendReports = (shard, dated, mapping) => shard.report(userId, dated, mapping),
  ): readonly Report[] {
    const reports = itemIds.map((itemId) => ({
      ...this.#reportOf(userId, itemId, deviceId, more === null),
      ...more,
    }));
    const { skewMs, saysSentAt } = this.#clockOf(userId, deviceId);
    this.calls.run(async () => {
      const sinceMs = this.#kernel.nowMs;
      let version = 0;
      let dated: readonly DatedReport[] = [];
      const receipt = await this.calls.untilDone(
        () => {
          const { nowMs } = this.#kernel;
          ({ version } = this.#world.model.user(userId));
          dated = dateReports(reports, nowMs, saysSentAt ? nowMs + skewMs : undefined);
          return this.calls.ask(userId, `report ${userId} ${itemIds.join()}`, (shard, mapping) =>
            send(shard, dated, mapping),
          );
        },
        (error) => {
          this.#refused(userId, error);
          return "again";
        },
      );
      if (receipt !== undefined) this.#acknowledged(userId, dated, receipt, { sinceMs, version });
    });
    return reports;
  }

  /** A report that breaks the contract, from a caller with a bug. */
  reportBadly(userId: string): void {
    const bad = { ...this.#reportOf(userId, "film-0", "tv", false), positionMs: -1 };
    this.calls
      .ask(userId, `bad report ${userId}`, (shard, mapping) => shard.report(userId, [bad], mapping))
      .catch(() => undefined);
  }

  /** Reads a user's history in one of the ways there are. */
  read(userId: string, itemIds: readonly string[]): void {
    const way = this.#kernel.pick(["list", "list", "pages", "lookup", "continue", "export"]);
    this.calls.run(async () => {
      for (let tries = 0; tries < READ_TRIES_MAX; tries += 1) {
        try {
          if (way === "list") await this.readAll(userId);
          else if (way === "pages") await this.#readPages(userId);
          else if (way === "export") await this.#export(userId);
          else if (way === "continue") await this.#readUnfinished(userId);
          else await this.#lookup(userId, itemIds);
          return;
        } catch (error) {
          if ((error as Error).name === "BrokenInvariant") throw error;
        }
        await this.calls.pause(RETRY_MS);
      }
    });
  }

  async #export(userId: string): Promise<void> {
    const before = beforeRead(this.#world, userId);
    const { entries } = await this.calls.ask(userId, `export ${userId}`, (shard, mapping) =>
      shard.exportAll(userId, mapping),
    );
    this.#world.counters.note("history exported");
    checkAnswer(this.#world, userId, before, { items: entries });
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
    this.calls.run(async () => {
      await this.calls.untilDone(() => this.#world.erase(userId));
      user.erasure = "done";
      this.#world.counters.note("user erased");
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
      accept: (record) => isToContinue(record, RULES),
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
      return await this.calls.ask(userId, `${what} ${userId}`, ask);
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

  #reportOf(userId: string, itemId: string, deviceId: string, mayRepeat: boolean): Report {
    const kernel = this.#kernel;
    const { skewMs } = this.#clockOf(userId, deviceId);
    const item = `${userId} ${itemId}`;
    const last = this.#lastPlaces.get(item);
    const isAgain =
      mayRepeat && last !== undefined && last.again < LAST_WORDS_MAX && kernel.chance(LAST_WORDS);
    if (isAgain) last.again += 1;
    else this.#lastPlaces.set(item, { positionMs: (this.reports += 1) * STEP_MS, again: 0 });
    const place = this.#lastPlaces.get(item);
    return {
      kind: "video",
      itemId,
      positionMs: (place?.positionMs ?? 0) + (place?.again ?? 0),
      ...kernel.pick([{}, {}, {}, {}, { durationMs: 0 }, { durationMs: durationOf(itemId) }]),
      event: kernel.pick(["playing", "playing", "paused", "ended"]),
      deviceId,
      // Where a client gives no time the BFF does, once, before the first attempt.
      at: this.#world.options.faults.has("report-without-at") ? kernel.nowMs : kernel.nowMs + skewMs,
    };
  }

  #clockOf(userId: string, deviceId: string): DeviceClock {
    const kernel = this.#kernel;
    const device = `${userId} ${deviceId}`;
    let clock = this.#clocks.get(device);
    if (clock === undefined) {
      const isRight = kernel.chance(0.5);
      const skewMs = isRight ? 0 : Math.floor((2 * kernel.random() - 1) * CLIENT_SKEW_MS_MAX);
      // A client that gives no time of its reports has none to be corrected.
      const saysSentAt = kernel.chance(0.5) && !this.#world.options.faults.has("report-without-at");
      clock = { skewMs, saysSentAt };
      this.#clocks.set(device, clock);
    }
    return clock;
  }

  #refused(userId: string, error: unknown): void {
    const { counters, hold, options } = this.#world;
    const code = codeOf(error);
    if (code === "SPENDING_CAP") {
      hold(options.kernel.cap.beganAtMs !== null, `${userId}: there is a cap where it is said`);
      hold(
        (hintsOf(error).retryAfterMs ?? 0) >= SPENDING_CAP_RETRY_MS,
        `${userId}: nobody is to come back soon`,
      );
      return counters.note("report refused at the spending cap");
    }
    counters.note(code === "OVERLOADED" ? "report refused as overloaded" : "report sent again");
    hold(
      code === "OVERLOADED" || code === "UNAVAILABLE",
      `${userId}: a good report is refused for now only (${code})`,
    );
    if (code !== "OVERLOADED") return;
    const isStarved = options.faults.has("one-database-fills-all") && this.#world.databaseOf(userId) === 0;
    hold(!isStarved, `${userId}: who has a healthy database is not refused for another's`);
  }

  #acknowledged(
    userId: string,
    reports: readonly DatedReport[],
    receipt: ReportReceipt,
    since: { readonly sinceMs: number; readonly version: number },
  ): void {
    checkReceipt(this.#world, userId, reports, receipt, since);
    // Whoever has reported looks at it.
    if (this.#world.model.user(userId).erasure === "none" && this.#kernel.chance(READS_OWN))
      this.read(
        userId,
        reports.map(({ itemId }) => itemId),
      );
  }
}
