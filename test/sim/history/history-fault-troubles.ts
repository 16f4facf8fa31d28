import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import type { HistoryClients } from "./history-clients.ts";
import type { FaultName } from "./history-known-faults.ts";
import { scaled, SKEW_MS_MAX, USERS } from "./history-trouble.ts";
import type { Hardship } from "./history-hardship.ts";
import type { HistoryWorld } from "./history-world.ts";
import { planCap } from "./history-cap.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { NO_TROUBLE } from "../kernel/trouble.ts";

/**
 * Users of one shard, each with as many items as are kept: together they fill more than one chunk
 * of a snapshot.
 */
const CROWD = 200;
const CROWD_SHARD = 0;
/** Rows between two snapshots of a crowd. */
const CROWD_ROWS = 10;
/** Reports of one item whose rows weigh more than what a log may beside what is pending. */
const BEATS = 1_000;
/** As long as an item's and a device's name may be, so that few rows weigh much. */
const LONG_NAME = "busy".padEnd(64, "-");
const BUSY = "u-log";
/** Users of the second database: more than a shard may hold. */
const STARVING = 50;
const NEED_QUIET: readonly FaultName[] = [
  "resends-without-backoff",
  "log-outgrows-pending",
  "one-database-fills-all",
];
const NEED_OUTAGE: readonly FaultName[] = [
  "resends-without-backoff",
  "half-snapshot",
  "log-outgrows-pending",
];
/** An outage from the start to the end of the trouble leaves no room for others. */
const NO_OTHER_OUTAGE: readonly FaultName[] = [...NEED_OUTAGE, "one-database-fills-all"];
/** Where a database is away from the start, shards of before never learn their mapping. */
const NEED_NEW: readonly FaultName[] = [...NO_OTHER_OUTAGE, "reports-need-d1"];
/** Users whose item's duration comes late, and within what time. */
const LATE = 20;
const LATE_MS = 2_000;
const LATE_DURATION_MS = 1_000;
const STORAGE_FAILS_MS = 8_000;
const REFUSALS = 3;
const REFUSAL_MS = 60_000;
const READ_EVERY_MS = 30_000;

/** Whether the release before may have been in a world with these troubles. */
export function mayBeOld(faults: ReadonlySet<FaultName>): boolean {
  return !NEED_NEW.some((fault) => faults.has(fault));
}

/** Whether databases may be away beside what these troubles do to them. */
export function mayBeAway(faults: ReadonlySet<FaultName>): boolean {
  return !NO_OTHER_OUTAGE.some((fault) => faults.has(fault));
}

/** The limits that a known fault needs to show. */
export function limitsUnder(faults: ReadonlySet<FaultName>, limits: ShardLimits): ShardLimits {
  return {
    ...limits,
    ...(faults.has("log-outgrows-pending") && {
      pendingRecordsMax: 400,
      pendingBytesMax: 5_000_000,
      liveRowsMax: 100_000,
    }),
    ...(faults.has("half-snapshot") && {
      entriesPerUserMax: 12,
      pendingRecordsMax: 10_000,
      pendingBytesMax: 5_000_000,
      liveRowsMax: CROWD_ROWS,
    }),
    ...(faults.has("one-database-fills-all") && {
      pendingRecordsMax: 60,
      pendingBytesMax: 5_000_000,
      flushWindowMs: 5_000,
    }),
    ...(faults.has("bad-report") && { commitWaitMsMax: 250 }),
    ...(faults.has("lookup-beyond-list") && { viewBytesMax: 100_000 }),
  };
}

/** The other troubles that a known fault needs out of its way. */
export function hardshipUnder(faults: ReadonlySet<FaultName>, hardship: Hardship): Hardship {
  if (faults.has("half-snapshot")) return { ...hardship, trouble: NO_TROUBLE };
  if (NEED_QUIET.some((fault) => faults.has(fault)))
    return { ...hardship, trouble: NO_TROUBLE, stalls: 0, drops: 0 };
  // A lost alarm is another trouble: whoever calls next sets it again, and that may be later.
  if (faults.has("spending-cap"))
    return { ...hardship, trouble: { ...hardship.trouble, storageThrows: 0, alarmsLost: 0 } };
  if (faults.has("report-without-at")) return { ...hardship, skewMsMax: 0 };
  if (faults.has("month-ahead")) return { ...hardship, skewMsMax: SKEW_MS_MAX };
  if (faults.has("dead-letters-outlive-erasure"))
    return { ...hardship, trouble: { ...hardship.trouble, duplicates: 0.6 }, drops: 0.4 };
  return hardship;
}

/** Plans what makes a known fault show. */
export function planFaults(kernel: Kernel, world: HistoryWorld, clients: HistoryClients): void {
  const { faults, troubleMs } = world.options;
  if (faults.has("spending-cap")) planCap(kernel, world, clients);
  if (faults.has("reports-need-d1")) world.database(0).state = "away";
  if (faults.has("one-database-fills-all")) planStarving(kernel, world, clients);
  if (NEED_OUTAGE.some((fault) => faults.has(fault)))
    for (const database of world.databases) database.state = "away";
  if (faults.has("log-outgrows-pending")) {
    clients.others.push(BUSY);
    clients.report(BUSY, ["straggler"], "tv");
    for (let beat = 0; beat < BEATS; beat += 1)
      kernel.after((troubleMs / BEATS) * beat, "", () => clients.report(BUSY, [LONG_NAME], LONG_NAME));
  }
  if (faults.has("half-snapshot")) planCrowd(kernel, world, clients);
  if (faults.has("late-duration")) planLateDurations(kernel, world, clients);
  if (faults.has("unknown-row")) {
    // Whoever is named in such a row may want to be forgotten.
    for (const userId of USERS.slice(0, 4))
      kernel.after(Math.floor(kernel.random() * troubleMs), "", () => clients.erase(userId));
  }
  if (faults.has("dead-letters-outlive-erasure")) {
    for (const userId of USERS.slice(0, 4)) {
      const atMs = Math.floor(kernel.random() * troubleMs);
      kernel.after(atMs, "", () => clients.report(userId, ["film-0", "film-1"]));
      kernel.after(atMs + 3_000, "", () => void world.flush().catch(() => undefined));
      kernel.after(atMs + 3_500, "", () => clients.erase(userId));
    }
  }
  if (faults.has("lookup-beyond-list")) {
    const items = Array.from({ length: 12 }, (_, item) => `film-${item}`);
    for (const item of items) clients.report("u-gus", [item], "tv");
    for (let left = scaled(kernel, world, 20); left > 0; left -= 1)
      kernel.after(READ_EVERY_MS * left, "", () => clients.read("u-gus", items));
  }
  const refusals = faults.has("everything-set-aside") ? Math.max(1, scaled(kernel, world, REFUSALS)) : 0;
  for (let left = refusals; left > 0; left -= 1) {
    kernel.after(Math.floor(kernel.random() * troubleMs), "our statement is refused", () => {
      for (const database of world.databases) database.state = "refuses";
      kernel.after(REFUSAL_MS, "", () => {
        for (const database of world.databases) database.state = "well";
      });
    });
  }
  if (faults.has("bad-report")) {
    for (let left = scaled(kernel, world, 20); left > 0; left -= 1) {
      const atMs = Math.floor(kernel.random() * troubleMs);
      // Those before them have commits wait: the bad ones come into the same as good ones.
      for (const soonMs of [0, 150, 300, 450])
        kernel.after(atMs + soonMs, "", () => {
          for (const userId of USERS) clients.reportBadly(userId);
          for (const userId of USERS) clients.report(userId, ["film-0"]);
        });
    }
  }
}

/** The second database is away, the first is well; the second's users watch more and more. */
function planStarving(kernel: Kernel, world: HistoryWorld, clients: HistoryClients): void {
  const { troubleMs } = world.options;
  const itemIds = Array.from({ length: world.options.limits.entriesPerUserMax }, (_, item) => `film-${item}`);
  world.database(1).state = "away";
  for (let number = 0; clients.others.length < STARVING; number += 1) {
    const userId = `u-away-${number}`;
    if (world.databaseOf(userId) !== 1) continue;
    clients.others.push(userId);
    kernel.after(Math.floor(kernel.random() * troubleMs * 0.5), "", () => clients.report(userId, itemIds));
  }
}

/**
 * Items whose duration is known to nobody but an older report, which comes while the job is writing
 * them.
 */
function planLateDurations(kernel: Kernel, world: HistoryWorld, clients: HistoryClients): void {
  const { troubleMs } = world.options;
  for (let number = scaled(kernel, world, LATE); number > 0; number -= 1) {
    const userId = `u-late-${number}`;
    clients.others.push(userId);
    const atMs = Math.floor(kernel.random() * troubleMs * 0.9);
    kernel.after(atMs, "", () =>
      clients.report(userId, ["film-0"], "tv", { durationMs: 0, at: kernel.nowMs - LATE_MS }),
    );
    kernel.after(atMs + LATE_MS, "", () => void world.flush().catch(() => undefined));
    const lateMs = atMs + LATE_MS + Math.floor(kernel.random() * LATE_MS);
    kernel.after(lateMs, "", () =>
      clients.report(userId, ["film-0"], "tv", {
        durationMs: LATE_DURATION_MS,
        at: kernel.nowMs - SKEW_MS_MAX,
      }),
    );
  }
}

/**
 * So many users that a snapshot has several chunks; now and then the storage fails for some
 * seconds, and the shard dies at the end of them.
 */
function planCrowd(kernel: Kernel, world: HistoryWorld, clients: HistoryClients): void {
  const { troubleMs } = world.options;
  const itemIds = Array.from({ length: world.options.limits.entriesPerUserMax }, (_, item) => `film-${item}`);
  for (let number = 0; clients.others.length < CROWD; number += 1) {
    const userId = `u-crowd-${number}`;
    if (world.shardOf(userId) !== world.shard(CROWD_SHARD)) continue;
    clients.others.push(userId);
    kernel.after(Math.floor(kernel.random() * troubleMs * 0.3), "", () => clients.report(userId, itemIds));
    kernel.after(Math.floor((0.35 + kernel.random() * 0.6) * troubleMs), "", () =>
      clients.report(userId, ["film-0"]),
    );
  }
  for (const share of [0.4, 0.5, 0.6, 0.7, 0.8]) {
    kernel.after(troubleMs * share, "the storage fails", () => {
      kernel.trouble = { ...NO_TROUBLE, storageThrows: 0.4 };
    });
    kernel.after(troubleMs * share + STORAGE_FAILS_MS, "the storage is well", () => {
      kernel.crash(world.shard(CROWD_SHARD).object.process);
      kernel.trouble = NO_TROUBLE;
    });
  }
}
