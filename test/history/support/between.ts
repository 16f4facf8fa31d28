import type { Shard } from "../../../src/history/biz/shard.ts";

/** As much of a shard's world as may happen between two calls. */
interface Between {
  readonly start: () => Shard;
  readonly writeBack: (shard: Shard) => Promise<void>;
}

/**
 * What may happen between what a shard is told and what comes then; the answer is the shard that
 * the latter comes to.
 */
export const BETWEEN: readonly (readonly [string, (of: Between, shard: Shard) => Promise<Shard>])[] = [
  ["at once", async (_of, shard) => shard],
  ["after a restart", async ({ start }) => start()],
  [
    "after it was written back",
    async ({ writeBack }, shard) => {
      await writeBack(shard);
      return shard;
    },
  ],
  [
    "after it was written back and forgotten",
    async ({ writeBack, start }, shard) => {
      await writeBack(shard);
      return start();
    },
  ],
];
