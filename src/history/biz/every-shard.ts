import { everyOne } from "./every-one.ts";

/**
 * Calls every shard, a few at a time. A shard that fails keeps no other from being called; the
 * first failure is thrown at the end.
 */
export function everyShard(shards: number, call: (shard: number) => Promise<void>): Promise<void> {
  return everyOne(Array(shards).keys(), call);
}
