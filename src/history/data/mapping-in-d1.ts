import { desc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { ShardMapping } from "../biz/shard-mapping.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";
import { shardMapping } from "./schema.ts";

/**
 * The mapping in database 0, where the release before kept it; it writes the seed there if there is
 * none, so that going back to that release finds the mapping in force. Two that seed it at once
 * agree: the first insert wins, both read it. Throws `UNAVAILABLE`.
 */
export async function mappingInD1(db: D1Database, seedShards: number, now: Clock): Promise<ShardMapping> {
  const orm = drizzle(db);
  const read = () =>
    orm
      .select({ version: shardMapping.version, shards: shardMapping.shards })
      .from(shardMapping)
      .orderBy(desc(shardMapping.version))
      .limit(1);
  try {
    const [known] = await read();
    if (known !== undefined) return known;
    await orm
      .insert(shardMapping)
      .values({ version: 1, shards: seedShards, createdAtMs: now() })
      .onConflictDoNothing();
    const [seeded] = await read();
    if (seeded === undefined) throw new CodedError("UNAVAILABLE", "The shard mapping vanished");
    return seeded;
  } catch (cause) {
    throw d1Error(cause, "read the shard mapping");
  }
}
