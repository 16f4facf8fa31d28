import { desc } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { MappingStore } from "../biz/shard-directory.ts";
import { d1Error } from "./d1-errors.ts";
import { shardMapping } from "./schema.ts";

/** Keeps the shard mapping in database 0. Two isolates that seed it at once agree: the first insert wins, both read it. */
export function d1MappingStore(db: D1Database, now: Clock): MappingStore {
  const orm = drizzle(db);
  const read = () =>
    orm
      .select({ version: shardMapping.version, shards: shardMapping.shards })
      .from(shardMapping)
      .orderBy(desc(shardMapping.version))
      .limit(1);
  return {
    async newest(seedShards) {
      try {
        const [known] = await read();
        if (known !== undefined) return known;
        await orm.insert(shardMapping).values({ version: 1, shards: seedShards, createdAtMs: now() }).onConflictDoNothing();
        const [seeded] = await read();
        if (seeded === undefined) throw new CodedError("UNAVAILABLE", "The shard mapping vanished");
        return seeded;
      } catch (cause) {
        throw d1Error(cause, "read the shard mapping");
      }
    },
  };
}
