import { isCode } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { TaskGroup } from "../../resilience/task-group.ts";
import type { FlushMessage, QueueMessage } from "./flush-message.ts";
import type { FailureKind, FailureLog, HistoryWriter } from "./ports.ts";
import type { Confirmation } from "./record.ts";
import { overfullOf, settle, SETTLED_MAX, someOf, type SettleDeps, type WrittenUser } from "./settle-some.ts";
import { ShardWork, type Safe, type ShardWorkDeps } from "./shard-work.ts";
import type { UserState } from "./user-state.ts";
import { writeDatabase } from "./write-database.ts";
import { writeStates } from "./write-states.ts";

export interface HistoryJobDeps extends SettleDeps {
  /** By the number of their database; there is a hole where one isn't bound. */
  readonly writers: readonly HistoryWriter[];
  /** Number of the database that holds a user. */
  readonly databaseOf: (userId: string) => number;
  /** How long the tombstone of a deleted item is kept, in ms. */
  readonly tombstonesKeptMs: number;
  readonly now: Clock;
  /** Hears of failures; the message they belong to will come again. */
  readonly onFailure: (what: string, error: unknown) => void;
  /** Counts those that somebody must look into. */
  readonly failures: FailureLog;
}

/** `at the cap`: what it needs is refused until the account may spend more. */
export type MessageOutcome = "done" | "again" | "at the cap";

const CONCURRENCY_MAX = 6;

type RunDeps = HistoryJobDeps & ShardWorkDeps;

/**
 * The history job: takes keys from the queue, asks the shards for the newest state of each, writes
 * the databases in bulk and tells the shards what is safe; the same with what holds for users as a
 * whole. Messages may be repeated, reordered or late: what is not pending any more costs nothing.
 *
 * A failure of one shard or database holds up only the messages that need it. Where one was refused
 * at the account's spending cap, all that failed waits for its end.
 */
export function createHistoryJob(
  given: HistoryJobDeps,
): (messages: readonly QueueMessage[]) => Promise<readonly MessageOutcome[]> {
  return async function runHistoryJob(messages) {
    let isAtCap = false;
    const onFailure = (what: string, error: unknown): void => {
      isAtCap ||= isCode(error, "SPENDING_CAP");
      given.onFailure(what, error);
    };
    const deps: RunDeps = {
      ...given,
      onFailure,
      countFailures: (kind, count) => countFailures({ ...given, onFailure }, kind, count),
    };
    const work = groupByShard(messages.filter((message) => message.type === "flush"));
    await each(work.values(), (ofShard) => ofShard.collect(deps));
    const { safe, overfull } = await writeAll(deps, [...work.values()]);
    await each(work.values(), (ofShard) => ofShard.confirm(deps, safe));
    await each(overfull.slice(0, SETTLED_MAX), (user) => settle(deps, user));
    const outcomes: MessageOutcome[] = [];
    for (const message of messages) {
      const failed =
        message.type === "flush"
          ? work.get(message.shard)?.hasFailed(message) === true
          : !(await refill(deps, message.shard, message.userId));
      outcomes.push(failed ? (isAtCap ? "at the cap" : "again") : "done");
    }
    return outcomes;
  };
}

function groupByShard(messages: readonly FlushMessage[]): ReadonlyMap<number, ShardWork> {
  const byShard = Map.groupBy(messages, ({ shard }) => shard);
  return new Map(Array.from(byShard, ([shard, ofShard]) => [shard, new ShardWork(shard, ofShard)]));
}

/**
 * Runs a step for all items, a few at a time, and returns when all have ended. Steps handle their
 * own failures.
 */
async function each<T>(items: Iterable<T>, step: (item: T) => Promise<void>): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  for (const item of items) group.go(() => step(item));
  await group.wait();
}

/** What is safe after a run's writes, and who of those looked at has more than is kept. */
interface Written {
  readonly safe: Safe;
  readonly overfull: readonly WrittenUser[];
}

/**
 * Writes everything, database by database, and never throws. States come first: what they say is
 * gone goes, whatever becomes of the records.
 */
async function writeAll(deps: RunDeps, work: readonly ShardWork[]): Promise<Written> {
  const { databaseOf, writers, random, now, tombstonesKeptMs } = deps;
  const safe = { records: new Set<Confirmation>(), states: new Set<UserState>() };
  const overfull: WrittenUser[] = [];
  const byDatabase = <T>(items: readonly T[], userIdOf: (item: T) => string) =>
    Map.groupBy(items, (item) => databaseOf(userIdOf(item)));
  const records = byDatabase(
    work.flatMap(({ shard, collected }) => collected.records.map((record) => ({ shard, record }))),
    ({ record }) => record.userId,
  );
  const refused = byDatabase(
    work.flatMap(({ collected }) => collected.refused),
    ({ record }) => record.userId,
  );
  const states = byDatabase(
    work.flatMap((ofShard) => ofShard.states),
    ({ userId }) => userId,
  );
  await each(new Set([...records.keys(), ...refused.keys(), ...states.keys()]), async (database) => {
    const writer = writers[database];
    if (writer === undefined) {
      deps.onFailure(`write database ${database}`, new RangeError(`no database ${database} is bound`));
      return;
    }
    const writeDeps = { ...deps, writer };
    for (const state of await writeStates(writeDeps, database, states.get(database) ?? []))
      safe.states.add(state);
    const ofRecords = records.get(database) ?? [];
    const written = await writeDatabase(writeDeps, {
      database,
      records: ofRecords.map(({ record }) => record),
      refused: refused.get(database) ?? [],
    });
    for (const record of written) safe.records.add(record);
    const users = ofRecords
      .filter(({ record }) => written.has(record))
      .map(({ shard, record: { userId } }) => ({ shard, userId }));
    overfull.push(...(await overfullOf(deps, writer, someOf(users, random), now() - tombstonesKeptMs)));
  });
  return { safe, overfull };
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
async function countFailures(
  { failures, onFailure }: Pick<HistoryJobDeps, "failures" | "onFailure">,
  kind: FailureKind,
  count: number,
): Promise<void> {
  try {
    await failures.note({ counts: { [kind]: count } });
  } catch (error) {
    onFailure("count a failure", error);
  }
}
