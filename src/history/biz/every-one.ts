import { TaskGroup } from "../../resilience/task-group.ts";

const CONCURRENCY_MAX = 8;

/**
 * Does something with each of them, a few at a time. One that fails keeps no other from its turn;
 * the first failure is thrown at the end.
 */
export async function everyOne<T>(items: Iterable<T>, call: (item: T) => Promise<void>): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  const failures: unknown[] = [];
  for (const item of items) {
    group.go(async () => {
      try {
        await call(item);
      } catch (error) {
        failures.push(error);
      }
    });
  }
  await group.wait();
  if (failures.length > 0) throw failures[0];
}
