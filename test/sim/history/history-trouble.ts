import type { ShardLimits } from "../../../src/history/biz/shard.ts";
import type { HistoryClients } from "./history-clients.ts";
import type { DatabaseState } from "../kernel/sim-database.ts";
import type { Hardship } from "./history-hardship.ts";
import type { HistoryWorld } from "./history-world.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** Who watches: both databases and all shards have some of them. The last two watch everything. */
export const USERS = ["u-ada", "u-bob", "u-cyd", "u-dan", "u-eve", "u-fay", "u-gus", "u-hal"] as const;
export const TROUBLE_MS = 600_000;

export const SKEW_MS_MAX = 300_000;
/** Entries kept of one user, in these small worlds. */
export const ENTRIES_PER_USER_MAX = 6;
const HEARTBEAT_MS = 10_000;
const RUSH_MS = 3_000;
const RUSH_GAP_MS = 60;
const ITEMS = 3;
const ITEMS_OF_MANY = 12;

export function drawHardship(kernel: Kernel): Hardship {
  const often = kernel.pick([0, 0.02, 0.1, 0.3]);
  return {
    trouble: {
      failsBefore: kernel.random() * often,
      failsAfter: kernel.random() * often,
      crashes: kernel.pick([0, 0.004, 0.02]),
      duplicates: kernel.pick([0, 0.2, 0.6]),
      // Here consumers stall and databases hang instead.
      lateEffects: 0,
      delayMsMax: kernel.pick([20, 200, 2_000]),
      storageThrows: kernel.pick([0, 0, 0.01, 0.05]),
      alarmsLost: kernel.pick([0, 0, 0.2, 0.6]),
    },
    stalls: kernel.pick([0, 0.1, 0.4]),
    drops: kernel.pick([0, 0.1]),
    skewMsMax: kernel.pick([0, SKEW_MS_MAX]),
  };
}

/** Limits so small that a few users reach them. */
export function drawLimits(kernel: Kernel): ShardLimits {
  return {
    flushWindowMs: kernel.pick([5_000, 20_000, 60_000]),
    commitGroup: 20,
    commitWaitMsMax: kernel.pick([0, 25, 250]),
    pendingRecordsMax: kernel.pick([12, 20, 400]),
    pendingBytesMax: 5_000_000,
    readMs: 300,
    viewBytesMax: kernel.pick([1_500, 6_000, 100_000]),
    entriesPerUserMax: ENTRIES_PER_USER_MAX,
    headEntries: kernel.pick([2, 100]),
    liveRowsMax: kernel.pick([3, 8, 1_000]),
  };
}

/** Everything that is going to happen by itself. */
export function planTrouble(kernel: Kernel, world: HistoryWorld, clients: HistoryClients): void {
  const sometime = (run: () => void): void => kernel.after(Math.floor(kernel.random() * TROUBLE_MS), "", run);
  const times = (most: number, run: () => void): void => {
    for (let left = Math.floor(kernel.random() * (most + 1)); left > 0; left -= 1) sometime(run);
  };
  const anybody = (): string => kernel.pick(USERS);
  for (let single = 0; single < 24; single += 1) sometime(() => reportSomething(kernel, clients, anybody()));
  for (let player = 0; player < 3; player += 1) sometime(() => play(kernel, clients, anybody(), 8));
  times(3, () => {
    // Everybody at once.
    for (const userId of USERS) reportSomething(kernel, clients, userId);
  });
  times(2, () => rush(kernel, clients));
  for (let reader = 0; reader < 30; reader += 1) {
    sometime(() => {
      const userId = anybody();
      clients.read(userId, [itemOf(kernel, userId), itemOf(kernel, userId), "never-seen"]);
    });
  }
  times(2, () => clients.erase(kernel.pick(USERS)));
  times(2, () => {
    world.counters.note("operator flush");
    world.flush().catch(() => undefined);
  });
  times(2, () => {
    world.counters.note("deploy");
    for (const { object } of world.shards) kernel.crash(object.process);
    kernel.crash(world.mapping.object.process);
    world.freshIsolates();
    for (const job of world.jobs) kernel.crash(job);
  });
  times(4, () => kernel.crash(kernel.pick(world.shards).object.process));
  times(3, () => outage(kernel, world));
}

/** So many at once for some seconds that commits wait for company. */
function rush(kernel: Kernel, clients: HistoryClients): void {
  for (let atMs = 0; atMs < RUSH_MS; atMs += RUSH_GAP_MS)
    kernel.after(atMs, "", () => reportSomething(kernel, clients, kernel.pick(USERS)));
}

/** A player sends its heartbeat, from one place or another of the same film. */
function play(kernel: Kernel, clients: HistoryClients, userId: string, beats: number): void {
  const itemId = itemOf(kernel, userId);
  for (let beat = 0; beat < beats; beat += 1)
    kernel.after(beat * HEARTBEAT_MS, "", () => clients.report(userId, [itemId]));
}

function reportSomething(kernel: Kernel, clients: HistoryClients, userId: string): void {
  const count = kernel.pick([1, 1, 1, 2, 4]);
  clients.report(
    userId,
    Array.from({ length: count }, () => itemOf(kernel, userId)),
  );
}

function itemOf(kernel: Kernel, userId: string): string {
  const isMany = userId === "u-gus" || userId === "u-hal";
  return `film-${Math.floor(kernel.random() * (isMany ? ITEMS_OF_MANY : ITEMS))}`;
}

/** One database, or both, is away or hangs for a while, which may be longer than the trouble. */
function outage(kernel: Kernel, { databases, counters }: HistoryWorld): void {
  const state = kernel.pick<DatabaseState>(["away", "hangs"]);
  const both = kernel.chance(0.3);
  const gone = both ? databases : [kernel.pick(databases)];
  counters.note(state === "away" ? "database away" : "database hung");
  if (both) counters.note("both databases gone");
  for (const database of gone) database.state = state;
  kernel.after(Math.floor(kernel.random() ** 2 * TROUBLE_MS), "database back", () => {
    for (const database of gone) database.state = "well";
  });
}
