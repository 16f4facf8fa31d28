import { describe, expect, it } from "vitest";
import { dateReports } from "../../../src/contracts/date-reports.ts";
import { codeOf } from "../../../src/contracts/errors.ts";
import type { Entry, Report } from "../../../src/contracts/history.ts";
import type { Shard } from "../../../src/history/biz/shard.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { historyOver } from "../../history/support/history-over.ts";
import { HistoryDevice } from "./history-device.ts";

/*
 * Devices in virtual time, over a real shard, real SQL and the real job: what they make of nothing
 * but changes is the list, and what was reported offline finds its place.
 */

const USER = "ada";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MONTH_STEPS = 480;
const KEPT = 12;
const ITEMS = 30;
const SEEDS = 4;
const DURATION_MS = 7_200_000;
/** The clock of each of the user's players, as it is off. */
const PLAYERS = { tv: 0, phone: -2 * HOUR_MS, tablet: 40 * 60_000 };
type Player = keyof typeof PLAYERS;

class Luck {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = mulberry32(seed);
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }
}

async function listOf(shard: Shard): Promise<readonly Entry[]> {
  const items: Entry[] = [];
  let cursor: string | undefined;
  do {
    const page = await shard.list(USER, { limit: 5, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

/**
 * An entry without its duration, and what follows from that: a duration that nobody but a state
 * beyond what is kept knew may be forgotten with that, and a device knows it on.
 */
function bare({ kind, itemId, positionMs, event, deviceId, watchedAt, dismissed }: Entry): Partial<Entry> {
  return {
    kind,
    itemId,
    positionMs,
    event,
    watchedAt,
    ...(deviceId && { deviceId }),
    ...(dismissed && { dismissed }),
  };
}

/** Catches up; false where that is refused for now. */
async function catchUp(shard: Shard, device: HistoryDevice, limit: number): Promise<boolean> {
  for (;;) {
    const since = device.cursor;
    try {
      const page = await shard.changes(USER, { limit, ...(since !== undefined && { since }) });
      device.take(page);
      if (!page.more) return true;
    } catch (error) {
      if (codeOf(error) !== "UNAVAILABLE") throw error;
      return false;
    }
  }
}

/** Thirty days of one user, with two devices of which one seldom asks. */
async function liveAMonth(seed: number) {
  const luck = new Luck(seed);
  const history = historyOver({
    entriesPerUserMax: KEPT,
    viewBytesMax: luck.pick([3_000, 1_000_000]),
    headEntries: luck.pick([3, 101]),
    liveRowsMax: luck.pick([4, 1_000]),
    tombstonesKeptMs: luck.pick([2 * DAY_MS, 30 * DAY_MS]),
  });
  const { clock, start, writeBack, away } = history;
  let shard = start();
  const [often, seldom] = [new HistoryDevice(), new HistoryDevice()];
  const counts = { compared: 0, entries: 0, durationsLost: 0 };
  let positionMs = 0;

  const report = async (player: Player, itemIds: readonly string[]): Promise<void> => {
    const [nowMs, offMs] = [clock.now(), PLAYERS[player]];
    const reports = itemIds.map((itemId): Report => ({
      kind: luck.pick(["video", "audio"]),
      itemId,
      positionMs: (positionMs += 7_000) % DURATION_MS,
      ...(luck.chance(0.5) && { durationMs: DURATION_MS }),
      event: luck.pick(["playing", "paused", "ended"]),
      deviceId: player,
      at: nowMs + offMs - (luck.chance(0.2) ? luck.below(3 * HOUR_MS) : 0),
    }));
    await shard.report(USER, dateReports(reports, nowMs, nowMs + offMs));
  };
  const item = (): string => `film-${luck.below(ITEMS)}`;
  const act = async (): Promise<void> => {
    const what = luck.random();
    if (what < 0.6)
      await report(
        luck.pick(["tv", "phone", "tablet"]),
        Array.from({ length: luck.pick([1, 1, 2, 5]) }, item),
      );
    else if (what < 0.76) await shard.remove(USER, { kind: luck.pick(["video", "audio"]), itemId: item() });
    else if (what < 0.84)
      await shard
        .mark(USER, { kind: "video", itemId: item() }, luck.pick([{ watched: true }, { dismissed: true }]))
        .catch((error: unknown) => {
          if (!["NOT_FOUND", "UNAVAILABLE"].includes(codeOf(error))) throw error;
        });
    else if (what < 0.86) shard.clear(USER);
    else if (what < 0.92) shard.setSettings(USER, { paused: luck.chance(0.4) });
    else if (what < 0.97) await writeBack(shard);
    else shard = start();
  };
  const compare = async (device: HistoryDevice): Promise<void> => {
    const shown = await listOf(shard);
    expect({ seed, list: device.list().map(bare) }).toEqual({ seed, list: shown.map(bare) });
    counts.durationsLost += device
      .list()
      .filter(({ durationMs }, place) => durationMs !== shown[place]?.durationMs).length;
    expect(device.isPaused).toBe(shard.settings(USER).paused);
    counts.compared += 1;
    counts.entries += shown.length;
  };

  for (let step = 0; step < MONTH_STEPS; step += 1) {
    clock.turn(luck.below((60 * DAY_MS) / MONTH_STEPS));
    // What happens within one moment has one time.
    for (let acts = luck.pick([1, 1, 1, 4]); acts > 0; acts -= 1) await act();
    if (luck.chance(0.05)) away.isAway = !away.isAway;
    if (away.isAway && luck.chance(0.5)) away.isAway = false;
    if (await catchUp(shard, often, luck.pick([1, 3, 100]))) await compare(often);
    if (luck.chance(0.02) && (await catchUp(shard, seldom, 100))) await compare(seldom);
  }
  return { ...counts, often, seldom };
}

describe("a device that asks for changes alone", () => {
  it("has the list that is shown, at every step of thirty days", { timeout: 60_000 }, async () => {
    let [pages, resyncs, compared, entries, durationsLost] = [0, 0, 0, 0, 0];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { often, seldom, ...month } = await liveAMonth(seed);
      expect(month.compared).toBeGreaterThan(MONTH_STEPS / 2);
      compared += month.compared;
      entries += month.entries;
      durationsLost += month.durationsLost;
      pages += often.pages + seldom.pages;
      resyncs += often.resyncs + seldom.resyncs;
    }
    expect(compared).toBeGreaterThan(SEEDS * MONTH_STEPS * 0.7);
    // Lists are long enough to be trimmed.
    expect(entries / compared).toBeGreaterThan(KEPT / 2);
    expect(resyncs).toBeLessThan(pages / 100);
    expect(durationsLost).toBeLessThan(entries / 100);
  });

  it("is never told to begin anew for a trim", async () => {
    const { start, writeBack, clock } = historyOver({ entriesPerUserMax: KEPT });
    const shard = start();
    const device = new HistoryDevice();
    let trims = 0;
    for (let number = 0; number < 5 * KEPT; number += 1) {
      clock.turn(60_000);
      await shard.report(USER, [
        { kind: "video", itemId: `film-${number}`, positionMs: 1, event: "playing", at: clock.now() },
      ]);
      if (number % 7 === 0) await writeBack(shard);
      const page = await shard.changes(USER, {
        limit: 100,
        ...(device.cursor !== undefined && { since: device.cursor }),
      });
      device.take(page);
      if (page.changes.some((change) => "trimmed" in change)) trims += 1;
      expect(device.list()).toEqual(await listOf(shard));
    }
    expect(trims).toBeGreaterThan(KEPT);
    expect(device.resyncs).toBe(0);
  });
});

describe("a phone that was offline for a week", () => {
  it("loses to what was truly later, wins over what was earlier, and learns every loser", async () => {
    const { clock, start, writeBack } = historyOver();
    const shard = start();
    const [reports, slowMs] = [500, -2 * HOUR_MS];
    const luck = new Luck(9);
    const items = Array.from({ length: 120 }, (_, number) => `film-${number}`);
    /** When each item was truly watched last, and by whom. */
    const truth = new Map<string, { readonly atMs: number; readonly player: Player }>();
    const watched = (itemId: string, atMs: number, player: Player): void => {
      if (atMs >= (truth.get(itemId)?.atMs ?? 0)) truth.set(itemId, { atMs, player });
    };
    const offline: Report[] = [];
    const beganMs = clock.now();
    const play = (itemId: string, player: Player): Report => ({
      kind: "video",
      itemId,
      positionMs: 1_000 + offline.length * 7_000,
      event: "playing",
      deviceId: player,
      at: clock.now() + (player === "phone" ? slowMs : 0),
    });
    while (offline.length < reports) {
      clock.turn((7 * DAY_MS) / reports);
      const onPhone = luck.pick(items);
      offline.push(play(onPhone, "phone"));
      watched(onPhone, clock.now(), "phone");
      // A minute and more lies between what different devices do: so exact is a corrected clock.
      clock.turn(61_000);
      if (luck.chance(0.4)) {
        const onTv = luck.pick(items);
        await shard.report(USER, dateReports([play(onTv, "tv")], clock.now(), clock.now()));
        watched(onTv, clock.now(), "tv");
      }
      if (luck.chance(0.1)) await writeBack(shard);
    }
    clock.turn(HOUR_MS);
    const told = new Set<string>();
    for (let from = 0; from < reports; from += 100) {
      // Each call takes a while on its way.
      const sentAtMs = clock.now() + slowMs;
      clock.turn(luck.below(4_000));
      const dated = dateReports(offline.slice(from, from + 100), clock.now(), sentAtMs);
      const { superseded = [] } = await shard.report(USER, dated);
      for (const { itemId, deviceId } of superseded) if (deviceId === "tv") told.add(itemId);
    }
    const lost = [...truth].filter(
      ([itemId, { player }]) => player === "tv" && offline.some((report) => report.itemId === itemId),
    );
    expect(lost.length).toBeGreaterThan(20);
    const list = await shard.list(USER, { limit: 100 });
    const { items: rest } = await shard.lookup(
      USER,
      items.slice(0, 100).map((itemId) => ({ kind: "video", itemId })),
    );
    for (const { itemId, deviceId } of [...list.items, ...rest])
      expect({ itemId, deviceId }).toEqual({ itemId, deviceId: truth.get(itemId)?.player });
    expect(lost.map(([itemId]) => itemId).filter((itemId) => !told.has(itemId))).toEqual([]);
    expect(clock.now() - beganMs).toBeGreaterThan(7 * DAY_MS);
  });
});
