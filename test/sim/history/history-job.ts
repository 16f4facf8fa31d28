import { DatabaseDirectory } from "../../../src/history/biz/database-directory.ts";
import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import {
  createHistoryJob,
  type HistoryJobDeps,
  type MessageOutcome,
} from "../../../src/history/biz/history-job.ts";
import { jobOfCells } from "../../../src/history/biz/job-of-cells.ts";
import type { FailureLog, HistoryWriter, ShardPort } from "../../../src/history/biz/ports.ts";
import { d1FailureLog } from "../../../src/history/data/d1-failure-log.ts";
import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import { queueConsumer } from "../../../src/history/service/queue-consumer.ts";
import { spendingCapError } from "../../../src/platform/database/platform-errors.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { cellNamed, CELLS, inWorld, MAIN, type SimCell } from "./history-cells.ts";
import { watchedWriter } from "./history-watch.ts";
import type { HistoryScene } from "./history-scene.ts";
import { SimProcess } from "../kernel/kernel.ts";

/*
 * PLACE OF CONSTRUCTION: here the queue's consumer with its job is built, as `wire` does it.
 */

const RPC_MS = 5_000;
const STALL_MS_MAX = 240_000;
const LOGGER = createLogger({ worker: "simulated", level: "silent" });

/**
 * An isolate of the job, and how many batches are in which step of it: where they are when it dies.
 */
export class JobProcess extends SimProcess {
  readonly steps = new Map<JobStep, number>();
  /** What it knows of where users are, cell by cell; a new isolate knows nothing. */
  readonly places = new Map<SimCell, DatabaseDirectory>();

  constructor(name: string, onCrash: (steps: readonly JobStep[]) => void) {
    super(name, () => {
      onCrash([...this.steps.keys()]);
      this.steps.clear();
      this.places.clear();
    });
  }

  /** Knows of a step while it lasts. */
  async during<T>(step: JobStep, run: () => Promise<T>): Promise<T> {
    const { life } = this;
    this.steps.set(step, (this.steps.get(step) ?? 0) + 1);
    try {
      return await run();
    } finally {
      if (this.life === life) {
        const others = (this.steps.get(step) ?? 1) - 1;
        if (others > 0) this.steps.set(step, others);
        else this.steps.delete(step);
      }
    }
  }
}

type Records = Parameters<HistoryWriter["upsert"]>[0];
type States = Parameters<HistoryWriter["writeStates"]>[0];
type JobStep = "collects" | "writes" | "confirms";

/** The consumer in one isolate of the job. */
export function jobConsumer(world: HistoryScene, process: JobProcess): ReturnType<typeof queueConsumer> {
  const { kernel, mutation, limits, hardship } = world.options;
  const call = world.callOf(process, RPC_MS);
  const rpc: typeof call = (what, effect) =>
    call(what, effect).catch((cause: unknown) => {
      throw spendingCapError(cause, what) ?? cause;
    });
  const databases = world.databases.map((database) =>
    world.reached(database, world.callOf(process, CALL_TIMEOUT_MS.job)),
  );
  const mayStall = async (
    what: "consumer stalled before its write" | "consumer stalled before its confirmation",
  ): Promise<void> => {
    if (!kernel.chance(hardship.stalls)) return;
    world.counters.note(what);
    await kernel.pause(process, Math.floor(kernel.random() * STALL_MS_MAX));
  };
  const shardsOf = (cell: SimCell): ShardPort => {
    const shardOf = (shard: number) => world.shard(inWorld(cell.shards, shard));
    const isOldCode = (shard: number): boolean => world.isOldCode(inWorld(cell.shards, shard));
    return {
      // A job of the release before names no format and asks for no states.
      collect: (shard, keys, format) =>
        process.during("collects", () =>
          rpc("collect", () => {
            const isOld = isOldCode(shard);
            if (isOld) world.counters.note("records collected by a job of the release before");
            return shardOf(shard).collect(keys, isOld ? undefined : format);
          }),
        ),
      collectStates: (shard, userIds) =>
        rpc("collect states", async () =>
          isOldCode(shard) ? [] : await shardOf(shard).collectStates(userIds),
        ),
      confirmStates: (shard, confirmed) =>
        process.during("confirms", async () => {
          await mayStall("consumer stalled before its confirmation");
          await rpc("confirm states", () => shardOf(shard).confirmStates(confirmed));
        }),
      settle: (shard, userId) => rpc("settle", () => shardOf(shard).settle(userId)),
      confirm: (shard, confirmations) =>
        process.during("confirms", async () => {
          await mayStall("consumer stalled before its confirmation");
          await rpc("confirm", () => shardOf(shard).confirm(confirmations));
        }),
      refill: (shard, userId) => rpc("refill", () => shardOf(shard).refill(userId)),
    };
  };
  const [first] = databases;
  if (first === undefined) throw new RangeError("there is no database");
  const log = d1FailureLog(first, kernel.now);
  const failures: FailureLog = {
    note: async (note) => {
      await log.note(note);
      for (const [kind, count] of Object.entries(note.counts)) {
        if (kind === "dead_flush" || kind === "dead_refill")
          world.counters.note("dead letter counted", count);
        if (kind === "refused_batch") world.counters.note("batch refused as a whole", count);
      }
    },
  };
  const placesOf = (cell: SimCell): DatabaseDirectory => {
    let places = process.places.get(cell);
    if (places === undefined) {
      places = new DatabaseDirectory({
        askMapping: () => rpc("ask for the mapping", () => world.mappingOf(cell).current()),
        askShard: (shard) =>
          rpc("ask a shard for the mapping", () => world.shard(inWorld(cell.shards, shard)).mapping()),
        before: cell === MAIN ? world.options.before : null,
      });
      process.places.set(cell, places);
    }
    return places;
  };
  const writerOf = (index: number): HistoryWriter => {
    const plain = d1HistoryWriter(databases[index] ?? first, kernel.now);
    const writer = {
      ...plain,
      upsert: (records: Records) => process.during("writes", () => plain.upsert(records)),
      writeStates: (states: States) => process.during("writes", () => plain.writeStates(states)),
    };
    const stall = (): Promise<void> => mayStall("consumer stalled before its write");
    const watched = watchedWriter(writer, world.database(index).db, stall, world);
    return mutation.writer?.(watched) ?? watched;
  };
  const jobOf = (cell: SimCell): Omit<HistoryJobDeps, "databaseOf"> => {
    const shards = shardsOf(cell);
    return {
      shards: mutation.shards?.(shards) ?? shards,
      writers: cell.databases.map(writerOf),
      entriesPerUserMax: limits.entriesPerUserMax,
      tombstonesKeptMs: limits.tombstonesKeptMs,
      now: kernel.now,
      // The job looks at one user in fifty; here at one in four, or it would hardly ever.
      random: () => kernel.random() ** 3,
      onFailure: () => undefined,
      failures,
    };
  };
  const jobs = new Map(CELLS.map((cell) => [cell, jobOf(cell)]));
  const runJob =
    (cell: SimCell) =>
    async (messages: readonly QueueMessage[]): Promise<readonly MessageOutcome[]> => {
      const { databaseOf } = await placesOf(cell).placement(messages[0]?.shard);
      return createHistoryJob({ ...(jobs.get(cell) ?? jobOf(cell)), databaseOf })(messages);
    };
  return queueConsumer({
    runJob: jobOfCells({ jobOf: (cell) => runJob(cellNamed(cell)), onFailure: () => undefined }),
    failures,
    logger: LOGGER,
  });
}
