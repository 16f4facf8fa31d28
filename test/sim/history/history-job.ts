import { createHistoryJob } from "../../../src/history/biz/history-job.ts";
import type { FailureLog, HistoryWriter, ShardPort } from "../../../src/history/biz/ports.ts";
import { d1FailureLog } from "../../../src/history/data/d1-failure-log.ts";
import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import { queueConsumer } from "../../../src/history/service/queue-consumer.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { createLogger } from "../../../src/platform/logger.ts";
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

  constructor(name: string, onCrash: (steps: readonly JobStep[]) => void) {
    super(name, () => {
      onCrash([...this.steps.keys()]);
      this.steps.clear();
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
type JobStep = "collects" | "writes" | "confirms";

/** The consumer in one isolate of the job. */
export function jobConsumer(
  world: HistoryScene,
  process: JobProcess,
): (batch: MessageBatch) => Promise<void> {
  const { kernel, mutation, limits, hardship } = world.options;
  const rpc = world.callOf(process, RPC_MS);
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
  const shards: ShardPort = {
    collect: (shard, keys) =>
      process.during("collects", () => rpc("collect", () => world.shard(shard).collect(keys))),
    confirm: (shard, confirmations) =>
      process.during("confirms", async () => {
        await mayStall("consumer stalled before its confirmation");
        await rpc("confirm", () => world.shard(shard).confirm(confirmations));
      }),
    refill: (shard, userId) => rpc("refill", () => world.shard(shard).refill(userId)),
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
  const runJob = createHistoryJob({
    shards: mutation.shards?.(shards) ?? shards,
    writers: databases.map((db, index) => {
      const plain = d1HistoryWriter(db, kernel.now);
      const writer = {
        ...plain,
        upsert: (records: Records) => process.during("writes", () => plain.upsert(records)),
      };
      const stall = (): Promise<void> => mayStall("consumer stalled before its write");
      const watched = watchedWriter(writer, world.database(index).db, stall, world);
      return mutation.writer?.(watched) ?? watched;
    }),
    databaseOf: (userId) => world.databaseOf(userId),
    entriesPerUserMax: limits.entriesPerUserMax,
    // The job trims one user in fifty; here one in four, or it would hardly ever.
    random: () => kernel.random() ** 3,
    onFailure: () => undefined,
    failures,
  });
  return queueConsumer({ runJob, failures, logger: LOGGER });
}
