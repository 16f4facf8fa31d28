import type { Shard } from "../../../src/history/biz/shard.ts";
import { interleaved, type Candidate, type Timing } from "../interleaved.ts";
import { benchedShard } from "./benched-shard.ts";

const PENDING = 20_000;
const PENDING_PER_USER = 20;
const PAGE = 100;
const ROUNDS = { rounds: 9, roundMs: 200 } as const;

/**
 * What the first page of a user costs whom the shard doesn't hold, where nothing is pending and
 * where {@link PENDING} records of others are.
 */
export async function measureColdReads(): Promise<readonly Timing[]> {
  const full = benchedShard();
  await fill(full);
  if (full.status().pending !== PENDING) throw new Error("the shard hasn't taken what was to be pending");
  return interleaved(
    [
      readsOf("nothing pending", benchedShard(), "cold"),
      readsOf(`${PENDING.toLocaleString("en")} records of others pending`, full, "cold"),
      readsOf(`likewise, ${PENDING_PER_USER} of them the user's own`, full, "user-0"),
    ],
    ROUNDS,
  );
}

async function fill(shard: Shard): Promise<void> {
  const at = Date.now();
  const users = Array.from({ length: PENDING / PENDING_PER_USER }, (_, user) => `user-${user}`);
  const filled = users.map((userId) =>
    shard.report(
      userId,
      Array.from({ length: PENDING_PER_USER }, (_, item) => ({
        kind: "video",
        itemId: `film-${item}`,
        positionMs: 60_000,
        durationMs: 5_400_000,
        event: "playing" as const,
        deviceId: "living-room-tv",
        at,
      })),
    ),
  );
  await Promise.all(filled);
}

function readsOf(name: string, shard: Shard, userId: string): Candidate {
  return {
    name,
    async run(calls) {
      let full = 0;
      for (let call = 0; call < calls; call += 1) {
        shard.forgetView(userId);
        const { items } = await shard.list(userId, { limit: PAGE });
        if (items.length === PAGE) full += 1;
      }
      return full;
    },
  };
}
