import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { PLAYBACK_EVENTS, type Entry, type EntryPage, type ItemKey } from "../../src/contracts/history.ts";
import { LOG_FORMAT } from "../../src/history/biz/log-format.ts";
import { RELEASE_BEFORE } from "../fixtures/kept-releases.ts";
import { startLoneHistory, type LoneHistory } from "../support/platforms/lone-history.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";
import { storedFormats } from "../support/platforms/stored-formats.ts";

/*
 * While a release goes out, or is taken back, the one before it finds what this one has written: in
 * objects whose format number says which kinds of rows may be in them, and in databases that new
 * migrations have changed. Its worker runs here as it was deployed
 * (test/fixtures/make-history-worker.ts). The tests go on from each other.
 */

const BEFORE = brotliDecompressSync(
  readFileSync(`${PROJECT_ROOT}test/fixtures/${RELEASE_BEFORE}/history-worker.js.br`),
).toString("utf8");
/** What the release before stores in an object that it makes. */
const FORMAT_BEFORE = 1;
const SHARDS = 2;
/** Nothing leaves a shard until an operator flushes. */
const VARS = {
  LOG_LEVEL: "silent",
  FLUSH_WINDOW_MS: "3600000",
  HISTORY_SHARDS: String(SHARDS),
  COMMIT_WAIT_MS_MAX: "0",
};
const VIEWERS = Array.from({ length: 6 }, (_, number) => `01a21486-057d-7712-8c88-00000000000${number}`);
/** One of each shard. */
const ERASED = ["01a21486-057d-7712-8c88-00000000000a", "01a21486-057d-7712-8c88-00000000000b"];
/** Somebody of no other's, who clears everything. */
const CLEARED = "01a21486-057d-7712-8c88-00000000000c";
const EVERYBODY = [...VIEWERS, ...ERASED];
const PAGE = 100;
const BY_HAND = [
  ["mark", keyOf(0), { watched: true }],
  ["remove", keyOf(0)],
  ["clear"],
  ["setSettings", { paused: true }],
  ["changes", { limit: PAGE }],
] as const;
const inEachShard = (count: number): readonly number[] => Array<number>(SHARDS).fill(count);
const PATIENCE = { timeout: 20_000, interval: 100 };
const DURATION_MS = 5_400_000;
const ROUND_MS = 600_000;
const START_MS = Date.now() - 24 * 3_600_000;

/** An entry as it is told from the report that it comes of, and how it is marked. */
type Told = Omit<ReturnType<typeof reportOf>, "at" | "rawAt"> &
  Pick<Partial<Entry>, "watched" | "dismissed"> & { readonly watchedAt: number };

/** Everything that a viewer was told is safe, by item: all of them play the same. */
const told = new Map<string, Told>();
const state = mkdtempSync(join(tmpdir(), "playhead-yesterday-"));
let history: LoneHistory | null = null;
let rounds = 0;

async function start(release: "before" | "present"): Promise<LoneHistory> {
  history = await startLoneHistory({ state, vars: VARS, ...(release === "before" && { bundle: BEFORE }) });
  return history;
}

async function stop(): Promise<void> {
  await history?.stop();
  history = null;
}

function keyOf(item: number): ItemKey {
  return { kind: item % 4 === 3 ? "audio" : "video", itemId: `item-${item}` };
}

/** Of some the client's clock was wrong, and the time that it gave goes with them. */
function reportOf(item: number) {
  const at = START_MS + rounds * ROUND_MS + item * 1_000;
  return {
    ...keyOf(item),
    positionMs: rounds * 100_000 + item,
    ...(item % 5 === 4 ? {} : { durationMs: DURATION_MS + item }),
    event: PLAYBACK_EVENTS[item % PLAYBACK_EVENTS.length] ?? "playing",
    ...(item % 3 === 2 ? {} : { deviceId: `tv-${rounds}` }),
    at,
    ...(item % 2 === 0 ? {} : { rawAt: at + 7_000 }),
  };
}

/** These users report on the items [from, to), and late on the first of them, which loses. */
async function play(on: LoneHistory, users: readonly string[], from: number, to: number): Promise<void> {
  rounds += 1;
  const reports = Array.from({ length: to - from }, (_, index) => reportOf(from + index));
  const late = { ...reportOf(from), positionMs: 1, at: START_MS };
  for (const userId of users) {
    await on.report(userId, reports);
    await on.report(userId, [late]);
  }
  for (const { at, rawAt: _rawAt, ...report } of reports)
    told.set(report.itemId, { ...report, watchedAt: at });
}

const latestFirst = (): readonly Told[] => [...told.values()].toSorted((a, b) => b.watchedAt - a.watchedAt);

/** On a busy machine a database may be late once; what a shard can't read stays so. */
async function whole(ask: () => Promise<EntryPage>): Promise<readonly Entry[]> {
  return vi.waitFor(async () => {
    const { items, degraded } = await ask();
    expect(degraded).toBe(undefined);
    return items;
  }, PATIENCE);
}

async function finds(on: LoneHistory, erased: readonly string[]) {
  const viewers: Record<string, readonly (readonly Entry[])[]> = {};
  for (const userId of VIEWERS)
    viewers[userId] = [
      await whole(() => on.list(userId, PAGE)),
      await whole(() => on.lookup(userId, latestFirst())),
    ];
  const ofErased: (readonly Entry[])[] = [];
  for (const userId of erased) ofErased.push((await on.list(userId, PAGE)).items);
  const unreadRows = (await on.overview()).shards.map((shard) => shard.unreadRows);
  return { viewers, ofErased, unreadRows };
}

/** All of it in each way to ask; a release may say more of an entry. */
function mustFind(erased: readonly string[]): object {
  const entries = latestFirst().map((entry): unknown => expect.objectContaining(entry));
  return {
    viewers: Object.fromEntries(VIEWERS.map((userId) => [userId, [entries, entries]])),
    ofErased: erased.map(() => []),
    unreadRows: inEachShard(0),
  };
}

async function pending(on: LoneHistory): Promise<readonly number[]> {
  return (await on.overview()).shards.map((shard) => shard.pending);
}

async function flush(on: LoneHistory): Promise<void> {
  await on.flush();
  await vi.waitFor(async () => expect(await pending(on)).toEqual(inEachShard(0)), PATIENCE);
}

async function removeEverywhere(on: LoneHistory, item: number): Promise<void> {
  for (const userId of VIEWERS) await on.byHand(userId, "remove", keyOf(item));
  told.delete(`item-${item}`);
}

async function markEverywhere(on: LoneHistory, item: number): Promise<void> {
  const [before, watchedAt] = [told.get(`item-${item}`), START_MS + (rounds + 1) * ROUND_MS + item];
  if (before === undefined) throw new Error(`nobody has played item ${item}`);
  const mark = { watched: true, dismissed: true } as const;
  for (const userId of VIEWERS) await on.byHand(userId, "mark", keyOf(item), { ...mark, at: watchedAt });
  told.set(before.itemId, { ...before, ...mark, watchedAt });
}

/** Reports of which some reach D1, some stay pending, and some do both. */
async function playOn(
  on: LoneHistory,
  users: readonly string[],
  from: number,
  middle: number,
  to: number,
): Promise<void> {
  await play(on, users, from, middle + 5);
  await flush(on);
  await play(on, users, middle, to);
  expect((await pending(on)).every((records) => records > 0)).toBe(true);
}

describe("objects that the release before has made", () => {
  afterEach(stop);
  afterAll(() => rmSync(state, { recursive: true, force: true }));

  it("have its number of the log's format", async () => {
    copyMigratedState(state);
    await playOn(await start("before"), EVERYBODY, 0, 10, 20);
    await stop();
    expect(storedFormats(state)).toEqual(inEachShard(FORMAT_BEFORE));
  });

  it("are read and written by this release, which leaves them that number by itself", async () => {
    const present = await start("present");
    expect(await finds(present, [])).toEqual(mustFind([]));
    await playOn(present, VIEWERS, 10, 25, 40);
    // The objects may be the release before's again: what that can't read is not written.
    for (const [method, ...args] of BY_HAND)
      await expect(present.byHand(VIEWERS[0] ?? "", method, ...args)).rejects.toThrow(/UNAVAILABLE/);
    // Leaves a snapshot of what others have pending.
    for (const userId of ERASED) {
      expect(await whole(() => present.list(userId, PAGE))).not.toEqual([]);
      await present.erase(userId);
    }
    await play(present, VIEWERS, 38, 42);
    expect(await finds(present, ERASED)).toEqual(mustFind(ERASED));
    await stop();
    expect(storedFormats(state)).toEqual(inEachShard(FORMAT_BEFORE));
  });

  it("are read by the release before, and lack nothing of what this one was told", async () => {
    const before = await start("before");
    expect(await finds(before, ERASED)).toEqual(mustFind(ERASED));
    await playOn(before, VIEWERS, 30, 45, 60);
    expect(await finds(before, ERASED)).toEqual(mustFind(ERASED));
  });

  it("are read by this release again, and lack nothing of what either was told", async () => {
    const present = await start("present");
    expect(await finds(present, ERASED)).toEqual(mustFind(ERASED));
    await flush(present);
    expect(await finds(present, ERASED)).toEqual(mustFind(ERASED));
  });

  it("are raised by the sweep, and people's own changes are written", async () => {
    const present = await start("present");
    await present.sweep();
    for (const item of [0, 1]) await removeEverywhere(present, item);
    await markEverywhere(present, 5);
    await markEverywhere(present, 7);
    await present.report(CLEARED, [reportOf(1)]);
    await flush(present);
    await removeEverywhere(present, 2);
    await markEverywhere(present, 6);
    await present.report(CLEARED, [reportOf(2)]);
    expect(await whole(() => present.list(CLEARED, PAGE))).toHaveLength(2);
    await present.byHand(CLEARED, "clear");
    expect(await finds(present, ERASED)).toEqual(mustFind(ERASED));
    await stop();
    expect(storedFormats(state)).toEqual(inEachShard(LOG_FORMAT));
  });

  it("are degraded under the release before, which leaves what it can't read where it is", async () => {
    const before = await start("before");
    // On one that was marked, too.
    await play(before, VIEWERS, 7, 12);
    for (const userId of VIEWERS) {
      const { items, degraded } = await before.list(userId, PAGE);
      expect(degraded).toBe(true);
      const entries = latestFirst().filter((entry) => !("dismissed" in entry));
      expect(items).toEqual(expect.arrayContaining(entries.map((entry) => expect.objectContaining(entry))));
    }
    await flush(before);
    expect((await before.overview()).shards.map(({ unreadRows }) => unreadRows > 0)).toEqual([true, true]);
  });

  it("lack nothing under this release again, and show nothing that was deleted", async () => {
    const present = await start("present");
    expect(await finds(present, ERASED)).toEqual(mustFind(ERASED));
    await flush(present);
    expect(await finds(present, ERASED)).toEqual(mustFind(ERASED));
    expect(await whole(() => present.list(CLEARED, PAGE))).toEqual([]);
    await stop();
    const again = await start("present");
    const [played] = await whole(() => again.lookup(VIEWERS[0] ?? "", [keyOf(7)]));
    expect(played).not.toHaveProperty("dismissed");
    expect(await finds(again, ERASED)).toEqual(mustFind(ERASED));
    expect(await whole(() => again.list(CLEARED, PAGE))).toEqual([]);
  });
});
