import { CodedError } from "../../contracts/errors.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { unpackFlushMessage, type FlushMessage, type QueueMessage } from "./flush-message.ts";
import type { FailureKind, FailureLog, HistoryWriter, ShardPort } from "./ports.ts";
import { readCollected, type Collected } from "./read-collected.ts";
import { confirmationOf, type Confirmation, type HistoryRecord, type RecordKey } from "./record.ts";
import { statementParts } from "./statement-parts.ts";
import { writeDatabase } from "./write-database.ts";

export interface HistoryJobDeps {
  readonly shards: ShardPort;
  readonly writers: readonly HistoryWriter[];
  /** Number of the database that holds a user. */
  readonly databaseOf: (userId: string) => number;
  /** Entries kept of one user. */
  readonly entriesPerUserMax: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Hears of failures; the message they belong to will come again. */
  readonly onFailure: (what: string, error: unknown) => void;
  /** Counts those that somebody must look into. */
  readonly failures: FailureLog;
}

export type MessageOutcome = "done" | "again";

/**
 * Users whose excess is deleted after a write: one in so many. Trimming at every write would scan
 * 1,000 rows for one.
 */
const TRIM_ONE_IN = 50;
/** Users in one statement of trimming: each has some 1,000 rows to be looked at. */
const USERS_PER_TRIM_MAX = 100;
const CONCURRENCY_MAX = 6;

interface ShardWork {
  readonly shard: number;
  readonly keys: readonly RecordKey[];
  collected: Collected;
  failed: boolean;
}

const NOTHING: Collected = { records: [], refused: [], nameless: 0 };

/**
 * The history job: takes keys from the queue, asks the shards for the newest state of each, writes
 * the databases in bulk and tells the shards what is safe. Messages may be repeated, reordered or
 * late: keys that are not pending any more cost nothing.
 *
 * A failure of one shard or database holds up only the messages that need it.
 */
export function createHistoryJob(
  deps: HistoryJobDeps,
): (messages: readonly QueueMessage[]) => Promise<readonly MessageOutcome[]> {
  return async function runHistoryJob(messages) {
    const flushes = messages.filter((message) => message.type === "flush");
    const work = groupByShard(flushes);
    await each(work, (shardWork) => collect(deps, shardWork));
    const safe = await writeAll(
      deps,
      work.map(({ collected }) => collected),
    );
    await each(work, (shardWork) => confirm(deps, shardWork, safe));
    const failedShards = new Set(work.filter(({ failed }) => failed).map(({ shard }) => shard));
    const outcomes: MessageOutcome[] = [];
    for (const message of messages) {
      const failed =
        message.type === "flush"
          ? failedShards.has(message.shard)
          : !(await refill(deps, message.shard, message.userId));
      outcomes.push(failed ? "again" : "done");
    }
    return outcomes;
  };
}

function groupByShard(messages: readonly FlushMessage[]): ShardWork[] {
  const byShard = Map.groupBy(messages, ({ shard }) => shard);
  return Array.from(byShard, ([shard, ofShard]) => ({
    shard,
    keys: ofShard.flatMap(unpackFlushMessage),
    collected: NOTHING,
    failed: false,
  }));
}

/**
 * Runs a step for all items, a few at a time, and returns when all have ended. Steps handle their
 * own failures.
 */
async function each<T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  for (const item of items) group.go(() => step(item));
  await group.wait();
}

async function collect(deps: HistoryJobDeps, work: ShardWork): Promise<void> {
  const what = `collect from shard ${work.shard}`;
  try {
    work.collected = readCollected(await deps.shards.collect(work.shard, work.keys));
  } catch (error) {
    work.failed = true;
    deps.onFailure(what, error);
    return;
  }
  const { nameless } = work.collected;
  if (nameless === 0) return;
  work.failed = true;
  deps.onFailure(
    what,
    new CodedError("INTERNAL", `${nameless} records without a key, which stay with the shard`),
  );
  await countFailures(deps, "bad_record", nameless);
}

/** Writes all records, database by database, and never throws. Returns those that are safe. */
async function writeAll(
  deps: HistoryJobDeps,
  collected: readonly Collected[],
): Promise<ReadonlySet<Confirmation>> {
  const safe = new Set<Confirmation>();
  const records = Map.groupBy(
    collected.flatMap((of) => of.records),
    ({ userId }) => deps.databaseOf(userId),
  );
  const refused = Map.groupBy(
    collected.flatMap((of) => of.refused),
    ({ record }) => deps.databaseOf(record.userId),
  );
  await each([...new Set([...records.keys(), ...refused.keys()])], async (database) => {
    const writer = deps.writers[database];
    if (writer === undefined) {
      deps.onFailure(`write database ${database}`, new RangeError(`there is no database ${database}`));
      return;
    }
    const writeDeps = {
      ...deps,
      writer,
      countFailures: (kind: FailureKind, count: number) => countFailures(deps, kind, count),
    };
    const work = { database, records: records.get(database) ?? [], refused: refused.get(database) ?? [] };
    const written = await writeDatabase(writeDeps, work);
    for (const record of written) safe.add(record);
    await trimSome(
      deps,
      writer,
      work.records.filter((record) => written.has(record)),
    );
  });
  return safe;
}

async function trimSome(
  deps: HistoryJobDeps,
  writer: HistoryWriter,
  records: readonly HistoryRecord[],
): Promise<void> {
  const users = [...new Set(records.map(({ userId }) => userId))].filter(
    () => deps.random() < 1 / TRIM_ONE_IN,
  );
  try {
    for (const part of statementParts(users, USERS_PER_TRIM_MAX))
      await writer.trim(part, deps.entriesPerUserMax);
  } catch (error) {
    deps.onFailure("trim histories", error);
  }
}

async function confirm(
  deps: HistoryJobDeps,
  work: ShardWork,
  safe: ReadonlySet<Confirmation>,
): Promise<void> {
  const { records, refused } = work.collected;
  const collected = [...records, ...refused.map(({ record }) => record)];
  const confirmations = collected.filter((record) => safe.has(record)).map(confirmationOf);
  if (confirmations.length < collected.length) work.failed = true;
  if (confirmations.length === 0) return;
  try {
    await deps.shards.confirm(work.shard, confirmations);
  } catch (error) {
    work.failed = true;
    deps.onFailure(`confirm to shard ${work.shard}`, error);
  }
}

async function refill(deps: HistoryJobDeps, shard: number, userId: string): Promise<boolean> {
  try {
    await deps.shards.refill(shard, userId);
    return true;
  } catch (error) {
    deps.onFailure(`refill from shard ${shard}`, error);
    return false;
  }
}

/** A count that fails is told, and changes nothing else. */
async function countFailures(deps: HistoryJobDeps, kind: FailureKind, count: number): Promise<void> {
  try {
    await deps.failures.note({ counts: { [kind]: count } });
  } catch (error) {
    deps.onFailure("count a failure", error);
  }
}
