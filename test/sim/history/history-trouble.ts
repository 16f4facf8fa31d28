import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import type { HistoryClients } from "./history-clients.ts";
import type { DatabaseState } from "../kernel/sim-database.ts";
import type { Hardship } from "./history-hardship.ts";
import { LONG_MS } from "./history-span.ts";
import { isStored } from "./history-stored.ts";
import type { HistoryFollower } from "./history-follower.ts";
import type { HistoryWorld } from "./history-world.ts";
import type { Kernel } from "../kernel/kernel.ts";

/**
 * Who watches: all databases and all shards have some of them. Gus and Hal watch everything; the
 * last are of another cell.
 */
export const USERS = [
  "u-ada",
  "u-bob",
  "u-cyd",
  "u-dan",
  "u-eve",
  "u-fay",
  "u-gus",
  "u-hal",
  "u-us-ira",
  "u-us-joe",
] as const;

export const SKEW_MS_MAX = 300_000;
/** Entries kept of one user, in these small worlds. */
export const ENTRIES_PER_USER_MAX = 6;
/** Longer than any consumer stalls, and what is usual. */
const TOMBSTONES_KEPT_MS = [1_200_000, 30 * 86_400_000];
const PAUSE_MS_MAX = 120_000;
const TIDYING_MS = 400;
const HEARTBEAT_MS = 10_000;
const RUSH_MS = 3_000;
const RUSH_GAP_MS = 100;
const OUTAGES_MAX = 3;
const COMET_AWAY_MS_MAX = 200_000;
const ITEMS = 3;
const ITEMS_OF_MANY = 12;

export function drawHardship(kernel: Kernel): Hardship {
  const often = kernel.pick([0, 0.02, 0.1, 0.3]);
  return {
    trouble: {
      failsBefore: kernel.random() * often,
      failsAfter: kernel.random() * often,
      crashes: kernel.pick([0, 0.004, 0.02]),
      duplicates: kernel.pick([0, 0.1, 0.4]),
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
    pendingBytesMax: kernel.pick([8_000, 5_000_000, 5_000_000]),
    readMs: 300,
    viewBytesMax: kernel.pick([1_500, 6_000, 100_000]),
    entriesPerUserMax: ENTRIES_PER_USER_MAX,
    headEntries: kernel.pick([2, 100]),
    liveRowsMax: kernel.pick([3, 8, 1_000]),
    tombstonesKeptMs: kernel.pick(TOMBSTONES_KEPT_MS),
    reportPaceMs: 10_000,
  };
}

/** Everything that is going to happen by itself. */
export function planTrouble(kernel: Kernel, world: HistoryWorld, clients: HistoryClients): void {
  const { troubleMs } = world.options;
  const sometime = (count: number, run: () => void): void => {
    for (let left = scaled(kernel, world, count); left > 0; left -= 1)
      kernel.after(Math.floor(kernel.random() * troubleMs), "", run);
  };
  const times = (most: number, run: () => void): void =>
    sometime(Math.floor(kernel.random() * (most + 1)), run);
  const anybody = (): string => kernel.pick(USERS);
  sometime(24, () => reportSomething(kernel, clients, anybody()));
  sometime(3, () => play(kernel, clients, anybody(), 8));
  times(3, () => {
    // Everybody at once.
    for (const userId of USERS) reportSomething(kernel, clients, userId);
  });
  times(2, () => rush(kernel, clients));
  sometime(20, () => {
    const userId = anybody();
    clients.read(userId, [itemOf(kernel, userId), itemOf(kernel, userId), "never-seen"]);
  });
  changeByHand(kernel, clients, sometime);
  followNews(kernel, clients, sometime);
  times(2, () => {
    const userId = kernel.pick(USERS);
    if (world.model.newestFirst(userId).some((record) => !isStored(world, record)))
      world.counters.note("user erased with late messages about");
    clients.erase(userId);
  });
  times(2, () => {
    world.counters.note("operator flush");
    world.flush().catch(() => undefined);
  });
  times(2, () => {
    world.counters.note("deploy");
    world.redeploy();
    for (const mapping of world.mappings.values()) kernel.crash(mapping.object.process);
    world.freshIsolates();
    for (const job of world.jobs) kernel.crash(job);
  });
  times(4, () => kernel.crash(kernel.pick(world.shards).object.process));
}

/** Databases are away or hang now and then. */
export function planOutages(kernel: Kernel, world: HistoryWorld): void {
  const outages = Math.floor(kernel.random() * (OUTAGES_MAX + 1));
  for (let left = scaled(kernel, world, outages); left > 0; left -= 1)
    kernel.after(Math.floor(kernel.random() * world.options.troubleMs), "", () => outage(kernel, world));
}

/**
 * As many as so many in a long world are in this one; where that is a fraction, one more or less.
 */
export function scaled(kernel: Kernel, { options }: HistoryWorld, count: number): number {
  return Math.floor((count * options.troubleMs) / LONG_MS + kernel.random());
}

/** Deletes, marks, clears and pauses, and devices that learn of them. */
function changeByHand(
  kernel: Kernel,
  clients: HistoryClients,
  sometime: (count: number, run: () => void) => void,
): void {
  const { hands } = clients;
  const most = kernel.pick([0, 1, 1, 3]);
  const times = (count: number, run: (userId: string) => void): void =>
    sometime(count * most, () => run(kernel.pick(USERS)));
  times(4, (userId) => hands.remove(userId, itemOf(kernel, userId)));
  times(3, (userId) => hands.mark(userId, itemOf(kernel, userId)));
  times(1, (userId) => {
    if (kernel.chance(0.5)) hands.clear(userId);
  });
  times(1, (userId) => {
    hands.setPaused(userId, true);
    kernel.after(Math.floor(kernel.random() * PAUSE_MS_MAX), "", () => hands.setPaused(userId, false));
  });
  times(1, (userId) => {
    // Somebody tidies up: everything goes, one by one, while it is still reported.
    for (let item = 0; item < ITEMS_OF_MANY; item += 1) {
      kernel.after(item * TIDYING_MS, "", () => hands.remove(userId, `film-${item}`));
      if (kernel.chance(0.5))
        kernel.after(item * TIDYING_MS, "", () => clients.report(userId, [`film-${item}`]));
    }
  });
  sometime(4 + 3 * most, () => hands.catchUp(kernel.pick(USERS)));
}

/** Devices that listen, report over their sockets, are cut and come back; and comets that die. */
function followNews(
  kernel: Kernel,
  clients: HistoryClients,
  sometime: (count: number, run: () => void) => void,
): void {
  const { comets } = clients;
  const followers = kernel.pick([0, 2, 4, 6]);
  const users = [kernel.pick(USERS), kernel.pick(USERS), kernel.pick(USERS)];
  sometime(followers, () => comets.follow(kernel.pick(users)));
  const somebody = (count: number, act: (follower: HistoryFollower) => void): void =>
    sometime(count, () => {
      if (comets.followers.length > 0) act(kernel.pick(comets.followers));
    });
  somebody(3 * followers, (follower) => {
    const { userId, deviceId } = follower;
    clients.report(userId, [itemOf(kernel, userId)], deviceId, null, comets.sendFrom(follower));
  });
  somebody(2 * followers, ({ userId }) => reportSomething(kernel, clients, userId));
  somebody(followers, (follower) => comets.cut(follower));
  somebody(followers / 2, ({ userId }) =>
    comets.lose(userId, Math.floor(kernel.random() * COMET_AWAY_MS_MAX)),
  );
  somebody(followers / 2, ({ userId }) => comets.crash(userId));
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
  kernel.after(Math.floor(kernel.random() ** 2 * LONG_MS), "database back", () => {
    for (const database of gone) database.state = "well";
  });
}
