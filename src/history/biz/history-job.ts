import { describeCauses, isCode } from "../../contracts/errors.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import { unpackFlushMessage, type FlushMessage, type QueueMessage } from "./flush-message.ts";
import type { HistoryWriter, ShardPort } from "./ports.ts";
import type { Confirmation, HistoryRecord, RecordKey } from "./record.ts";

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
}

export type MessageOutcome = "done" | "again";

/** Records in one statement; at some 200 bytes each in JSON that is 1 MB. */
const RECORDS_PER_STATEMENT_MAX = 5_000;
/** Users whose excess is deleted after a write: one in so many. Trimming at every write would scan 1,000 rows for one. */
const TRIM_ONE_IN = 50;
const CONCURRENCY_MAX = 6;

interface ShardWork {
  readonly shard: number;
  readonly keys: readonly RecordKey[];
  records: readonly HistoryRecord[];
  failed: boolean;
}

/**
 * The history job: takes keys from the queue, asks the shards for the newest state of each, writes the databases in bulk and
 * tells the shards what is safe. Messages may be repeated, reordered or late: keys that are not pending any more cost nothing.
 *
 * A failure of one shard or database holds up only the messages that need it.
 */
export function createHistoryJob(deps: HistoryJobDeps): (messages: readonly QueueMessage[]) => Promise<readonly MessageOutcome[]> {
  return async function runHistoryJob(messages) {
    const flushes = messages.filter((message) => message.type === "flush");
    const work = groupByShard(flushes);
    await each(work, (shardWork) => collect(deps, shardWork));
    const written = await writeAll(
      deps,
      work.flatMap(({ records }) => records),
    );
    await each(work, (shardWork) => confirm(deps, shardWork, written));
    const failedShards = new Set(work.filter(({ failed }) => failed).map(({ shard }) => shard));
    const outcomes: MessageOutcome[] = [];
    for (const message of messages) {
      const failed = message.type === "flush" ? failedShards.has(message.shard) : !(await refill(deps, message.shard, message.userId));
      outcomes.push(failed ? "again" : "done");
    }
    return outcomes;
  };
}

function groupByShard(messages: readonly FlushMessage[]): ShardWork[] {
  const byShard = Map.groupBy(messages, ({ shard }) => shard);
  return Array.from(byShard, ([shard, ofShard]) => ({ shard, keys: ofShard.flatMap(unpackFlushMessage), records: [], failed: false }));
}

/** Runs a step for all items, a few at a time, and returns when all have ended. Steps handle their own failures. */
async function each<T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  for (const item of items) group.go(() => step(item));
  await group.wait();
}

async function collect(deps: HistoryJobDeps, work: ShardWork): Promise<void> {
  try {
    work.records = await deps.shards.collect(work.shard, work.keys);
  } catch (error) {
    work.failed = true;
    deps.onFailure(`collect from shard ${work.shard}`, error);
  }
}

/** Writes all records, database by database, and never throws. Returns those that are safe: written, beaten by a newer one, or set aside. */
async function writeAll(deps: HistoryJobDeps, records: readonly HistoryRecord[]): Promise<ReadonlySet<HistoryRecord>> {
  const safe = new Set<HistoryRecord>();
  const byDatabase = Map.groupBy(records, ({ userId }) => deps.databaseOf(userId));
  await each([...byDatabase], async ([database, ofDatabase]) => {
    const writer = deps.writers[database];
    if (writer === undefined) throw new RangeError(`there is no database ${database}`);
    try {
      for (let from = 0; from < ofDatabase.length; from += RECORDS_PER_STATEMENT_MAX) {
        const part = ofDatabase.slice(from, from + RECORDS_PER_STATEMENT_MAX);
        await writeIsolating(writer, part);
        for (const record of part) safe.add(record);
      }
      await trimSome(deps, writer, ofDatabase);
    } catch (error) {
      deps.onFailure(`write database ${database}`, error);
    }
  });
  return safe;
}

/** Writes records in one statement; where the database refuses one for good, finds it by halving and sets it aside. */
async function writeIsolating(writer: HistoryWriter, records: readonly HistoryRecord[]): Promise<void> {
  try {
    await writer.upsert(records);
  } catch (error) {
    if (!isCode(error, "INVALID")) throw error;
    const [only] = records;
    if (records.length === 1 && only !== undefined) {
      await writer.reject(only, describeCauses(error));
      return;
    }
    const middle = Math.ceil(records.length / 2);
    await writeIsolating(writer, records.slice(0, middle));
    await writeIsolating(writer, records.slice(middle));
  }
}

async function trimSome(deps: HistoryJobDeps, writer: HistoryWriter, records: readonly HistoryRecord[]): Promise<void> {
  const users = [...new Set(records.map(({ userId }) => userId))].filter(() => deps.random() < 1 / TRIM_ONE_IN);
  if (users.length === 0) return;
  try {
    await writer.trim(users, deps.entriesPerUserMax);
  } catch (error) {
    deps.onFailure("trim histories", error);
  }
}

async function confirm(deps: HistoryJobDeps, work: ShardWork, safe: ReadonlySet<HistoryRecord>): Promise<void> {
  if (work.failed) return;
  const confirmations: Confirmation[] = work.records
    .filter((record) => safe.has(record))
    .map(({ userId, kind, itemId, rev }) => ({ userId, kind, itemId, rev }));
  if (confirmations.length < work.records.length) work.failed = true;
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
