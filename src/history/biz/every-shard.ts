import { TaskGroup } from "../../resilience/task-group.ts";

const CONCURRENCY_MAX = 8;

/**
 * Calls every shard, a few at a time. A shard that fails keeps no other from being called; the
 * first failure is thrown at the end.
 */
export async function everyShard(shards: number, call: (shard: number) => Promise<void>): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  const failures: unknown[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    group.go(async () => {
      try {
        await call(shard);
      } catch (error) {
        failures.push(error);
      }
    });
  }
  await group.wait();
  if (failures.length > 0) throw failures[0];
}
