import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import { d1Error } from "../../platform/database/platform-errors.ts";
import { bound, namedSql } from "../../platform/database/named-sql.ts";
import type { MappingInD1 } from "../biz/mapping-keeper.ts";

const NEWEST = namedSql("SELECT version, shards FROM shard_mapping ORDER BY version DESC LIMIT 1");
const SEED = namedSql(`
  INSERT INTO shard_mapping (version, shards, created_at) VALUES (1, :shards, :nowMs) ON CONFLICT DO NOTHING`);

/**
 * The mapping in database 0, where the release before kept it; it writes the seed there if there is
 * none, so that going back to that release finds the mapping in force. Two that seed it at once
 * agree: the first insert wins, both read it. Throws `UNAVAILABLE`.
 */
export async function mappingInD1(db: D1Database, seedShards: number, now: Clock): Promise<MappingInD1> {
  const read = async (isSeeded: boolean): Promise<MappingInD1 | null> => {
    const [row] = await bound(db, NEWEST).raw<readonly [version: number, shards: number]>();
    return row === undefined ? null : { version: row[0], shards: row[1], isSeeded };
  };
  try {
    const known = await read(false);
    if (known !== null) return known;
    await bound(db, SEED, { shards: seedShards, nowMs: now() }).run();
    const seeded = await read(true);
    if (seeded === null) throw new CodedError("UNAVAILABLE", "The shard mapping vanished");
    return seeded;
  } catch (cause) {
    throw d1Error(cause, "read the shard mapping");
  }
}
