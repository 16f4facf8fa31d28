import { describe, expect, it } from "vitest";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";

describe("the log of a shard", () => {
  it("remembers the largest revision though the row that carried it is overwritten by older ones", () => {
    const sql = new SqliteShardSql();
    const log = new SqliteShardLog(sql);
    log.replay(() => undefined);
    log.append([{ seq: 1, records: [recordOf({ rev: 100 })] }], 1);
    // A row of a later release is adopted: its record is old, and takes the place of what D1 has
    // confirmed.
    log.append([{ seq: 2, records: [recordOf({ rev: 50 })] }], 2);
    expect(new SqliteShardLog(sql).replay(() => undefined).revHighWater).toBe(100);
  });
});
