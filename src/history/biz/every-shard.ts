import { TaskGroup } from "../../resilience/task-group.ts";

const CONCURRENCY_MAX = 8;

/** Calls every shard, a few at a time. The first failure cancels those that have not started and is thrown. */
export async function everyShard(shards: number, call: (shard: number) => Promise<void>): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  for (let shard = 0; shard < shards; shard += 1) group.go(() => call(shard));
  await group.wait();
}
