import { describe, expect, it } from "vitest";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import type { HistoryRecord } from "../../../src/history/biz/record.ts";
import { decodeRow } from "../../../src/history/data/log-codec.ts";
import type { ShardSql } from "../../../src/history/data/shard-sql.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { KEPT_RELEASES } from "../../fixtures/kept-releases.ts";
import { readShardLogFixture, unpacked, type KeptLog } from "../../fixtures/shard-log-fixture.ts";
import { EDGES, regularRecords } from "../../fixtures/shard-log-records.ts";

/*
 * What earlier releases wrote into a shard's own storage (test/fixtures/make-shard-log.ts): a later
 * one must read it, or lose what is pending.
 */

function recordsOf({
  list,
  from,
  to,
}: {
  readonly list: "edges" | "regular";
  readonly from: number;
  readonly to: number;
}) {
  const all: readonly HistoryRecord[] = list === "edges" ? EDGES : regularRecords(to);
  return all.slice(from, to);
}

function storageOf({ schema, tables }: KeptLog): ShardSql {
  const sql = new SqliteShardSql();
  for (const statement of schema) sql.exec(`${statement};`);
  for (const [table, rows] of Object.entries(tables)) {
    for (const row of rows) {
      const columns = Object.keys(row);
      const places = columns.map(() => "?").join(", ");
      sql.exec(
        `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${places})`,
        ...Object.values(row).map(unpacked),
      );
    }
  }
  return sql;
}

/** All parts that a restart is given, the chunks of a snapshot as one row. */
function replay(log: SqliteShardLog) {
  const rows: { seq: number; records: HistoryRecord[] }[] = [];
  const end = log.replay(({ seq, records }) => {
    const last = rows.at(-1);
    if (last?.seq === seq) last.records.push(...records);
    else rows.push({ seq, records: [...records] });
  });
  return { rows, ...end };
}

describe.each(KEPT_RELEASES)("the log of %s", (fixture) => {
  const { payloads, logs } = readShardLogFixture(fixture);

  it("has rows of both kinds, logs that hold some, and somebody who was erased", () => {
    expect(new Set(payloads.map(({ list }) => list))).toEqual(new Set(["edges", "regular"]));
    expect(logs.filter(({ replayed }) => replayed.rows.length > 0).length).toBeGreaterThan(1);
    expect(logs.flatMap(({ replayed }) => replayed.erased)).not.toEqual([]);
  });

  it.each(payloads)("has rows that are read as what they were: $list $from to $to", ({ base64, ...part }) => {
    expect(decodeRow(new Uint8Array(Buffer.from(base64, "base64")))).toEqual({
      records: recordsOf(part),
      keys: [],
      users: [],
      unknown: 0,
    });
  });

  it.each(logs)("is replayed as it was by that release: $name", (kept) => {
    const { rows, lastSeq, revHighWater, erased } = kept.replayed;
    const log = new SqliteShardLog(storageOf(kept));
    const replayed = replay(log);
    expect(replayed).toEqual({
      rows: rows.map((row) => ({ seq: row.seq, records: recordsOf(row) })),
      lastSeq,
      revHighWater,
      toldRev: null,
      isDamaged: false,
    });
    for (const userId of erased) expect(log.isErased(userId)).toBe(true);
    expect([log.isErased("anybody else"), log.unreadRows]).toEqual([false, 0]);
  });

  it.each(logs)("can be written on: $name", (kept) => {
    const sql = storageOf(kept);
    const { rows, lastSeq } = kept.replayed;
    const written = new SqliteShardLog(sql);
    replay(written);
    const lowWater = rows[0]?.seq ?? 0;
    const seqs = [lastSeq + 1, lastSeq + 2, lastSeq + 3];
    written.append(
      seqs.map((seq) => ({ seq, records: EDGES, users: [] })),
      lowWater,
    );
    const replayed = replay(new SqliteShardLog(sql));
    expect(replayed.rows.map(({ seq }) => seq)).toEqual([...rows.map(({ seq }) => seq), ...seqs]);
    expect(replayed.rows.slice(0, rows.length).map(({ records }) => records)).toEqual(rows.map(recordsOf));
    expect(replayed.rows.slice(rows.length).map(({ records }) => records)).toEqual(seqs.map(() => EDGES));
  });
});
