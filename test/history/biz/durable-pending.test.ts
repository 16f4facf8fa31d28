import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beat, confirmAll, keyOf, lastSeqOf, positions, shardOver } from "../support/shard-over.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { encodeRow } from "../../../src/history/data/log-codec.ts";
import { ProtobufWriter } from "../../../src/protocol/protobuf.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { stateOf } from "../../support/databases/user-states.ts";
import { atOnce } from "../support/at-once.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe("a shard whose storage fails", () => {
  // I1
  it("keeps every report that it has acknowledged, whichever write throws", async () => {
    const step = fc.record({
      action: fc.constantFrom("report", "report", "report", "confirm", "restart", "erase"),
      items: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
      writesLeft: fc.option(fc.nat(3), { nil: null }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const sql = new SqliteShardSql();
        const { start } = shardOver({ sql, liveRowsMax: 4 });
        let shard = start();
        const acknowledged = new Map<string, number>();
        const attempted = new Map<string, number>();
        for (const [index, { action, items, writesLeft }] of steps.entries()) {
          sql.writesLeft = writesLeft ?? Number.POSITIVE_INFINITY;
          try {
            if (action === "report") {
              for (const item of items) attempted.set(`film-${item}`, index);
              await shard.report("ada", items.map((item) => beat(`film-${item}`, index)).flat());
              for (const item of items) acknowledged.set(`film-${item}`, index);
            } else if (action === "confirm") {
              for (const item of items) acknowledged.delete(`film-${item}`);
              confirmAll(
                shard,
                items.map((item) => keyOf(`film-${item}`)),
              );
            } else if (action === "erase") atOnce(shard.erase(`somebody-${index}`));
          } catch {
            // Not acknowledged: it may have happened or not.
          }
          sql.writesLeft = Number.POSITIVE_INFINITY;
          if (action === "restart" || index === steps.length - 1) shard = start();
          for (const [itemId, position] of acknowledged) {
            const [pending] = atOnce(shard.collect([keyOf(itemId)]));
            expect(pending?.positionMs).toBeGreaterThanOrEqual(position);
            expect(pending?.positionMs).toBeLessThanOrEqual(attempted.get(itemId) ?? -1);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it("loses nothing to a snapshot that fails half way: 4,000 acknowledged, 4,000 there after a restart", async () => {
    const sql = new SqliteShardSql();
    const { failures, start } = shardOver({
      sql,
      pendingRecordsMax: 10_000,
      entriesPerUserMax: 5_000,
      liveRowsMax: 45,
    });
    const shard = start();
    for (let batch = 0; batch < 40; batch += 1)
      await shard.report(
        "ada",
        Array.from({ length: 100 }, (_, item) => beat(`film-${batch * 100 + item}`, batch)).flat(),
      );
    // The snapshot has two chunks or more; its first is written, its second throws.
    while (failures.length === 0) {
      sql.writesLeft = 2;
      await shard.report("ada", beat("film-0", 1));
    }
    expect(failures).toEqual(["write a snapshot"]);
    sql.writesLeft = Number.POSITIVE_INFINITY;
    expect(start().status().pending).toBe(4_000);
  });

  it("makes what is left of a snapshot that an earlier release wrote by halves pending again, and says so", async () => {
    const { sql, failures, start } = shardOver({ liveRowsMax: 3 });
    const shard = start();
    for (let round = 0; round < 6; round += 1) await shard.report("ada", beat(`film-${round}`, round));
    const records = Array.from({ length: 3 }, (_, item) =>
      recordOf({ itemId: `film-${item}`, positionMs: item }),
    );
    // Chunk 0 of two is the new one's, chunk 1 is still the old one's.
    sql.exec("UPDATE snapshot SET chunks = 2 WHERE chunk = 0");
    sql.exec(
      "INSERT INTO snapshot (chunk, seq, chunks, payload) VALUES (1, 1, 1, ?)",
      encodeRow(records).buffer,
    );
    const restarted = start();
    expect(failures).toEqual(["replay the log"]);
    expect(await positions(restarted)).toMatchObject({ "film-0": 0, "film-5": 5 });
    // It is whole again from then on.
    failures.length = 0;
    expect(await positions(start())).toEqual(await positions(restarted));
    expect(failures).toEqual([]);
  });
});

describe("a shard's log", () => {
  it("stays within four times what is pending in it, and starts with no more", async () => {
    const { start } = shardOver({ pendingRecordsMax: 20_000, liveRowsMax: 100_000 });
    const shard = start();
    await shard.report("straggler", beat("film", 1));
    for (let round = 0; round < 300; round += 1)
      await shard.report("ada", Array.from({ length: 100 }, (_, item) => beat(`film-${item}`, round)).flat());
    // Thirty thousand reports, a hundred and one records: some two megabytes without snapshots.
    expect(shard.status().liveLogBytes).toBeLessThan(300_000);
    expect(start().status().liveLogBytes).toBeLessThan(300_000);
    expect(await positions(start(), "straggler")).toEqual({ film: 1 });
  });

  it("sets a row aside that a later release wrote, answers as degraded, takes reports, and hands it on", async () => {
    const { sql, start } = shardOver();
    await start().report("ada", beat("film", 1));
    const later = new ProtobufWriter();
    later.text(99, "a word of a later release");
    const [row] = sql.exec("SELECT payload FROM log").toArray();
    const known = new Uint8Array(row?.["payload"] as ArrayBuffer);
    const payload = new Uint8Array([...known, ...later.finish()]);
    sql.exec("UPDATE log SET payload = ?", payload.buffer);

    const shard = start();
    expect(await shard.list("ada", { limit: 10 })).toMatchObject({
      degraded: true,
      items: [{ itemId: "film", positionMs: 1 }],
    });
    expect(await shard.report("ada", beat("film", 2))).toMatchObject({ accepted: 1 });
    expect(shard.status().unreadRows).toBe(1);
    // Its slot is overwritten in time, and what it said is still there for whoever can read it.
    confirmAll(shard, [keyOf("film")]);
    for (let round = 0; round < 5; round += 1) await shard.report("ada", beat(`series-${round}`, round));
    expect(start().status().unreadRows).toBe(1);
    // A release that can: here, one for which the unknown part is gone. What was read then is not
    // taken twice.
    sql.exec("UPDATE unread_row SET payload = ?", known.buffer);
    const reading = start();
    expect(reading.status().unreadRows).toBe(0);
    expect(atOnce(reading.collect([keyOf("film")]))).toHaveLength(0);
    expect((await reading.list("ada", { limit: 10 })).degraded).toBeUndefined();
  });

  it("makes pending what a row says that no earlier release could read at all", async () => {
    const { sql, start } = shardOver();
    await start().report("ada", beat("film", 1));
    const [row] = sql.exec("SELECT payload FROM log").toArray();
    sql.exec("UPDATE log SET payload = ?", new Uint8Array([255, 255, 255, 255]).buffer);
    const unable = start();
    expect(unable.status().unreadRows).toBe(1);
    // Its place in the log is taken by another row.
    await unable.report("bob", beat("film", 1));
    expect(sql.exec("SELECT slot FROM log").toArray()).toHaveLength(1);
    sql.exec("UPDATE unread_row SET payload = ?", row?.["payload"] ?? null);
    for (const shard of [start(), start()])
      expect(atOnce(shard.collect([keyOf("film"), keyOf("film", "bob")]))).toHaveLength(2);
  });

  it("never gives a revision twice, though a row of old ones was the last to be written", async () => {
    const { clock, sql, start } = shardOver();
    let shard = start();
    await shard.report("ada", beat("film", 1));
    atOnce(shard.erase("ada"));
    const old = encodeRow([recordOf({ userId: "bob", itemId: "film", rev: 1_000 })]).buffer;
    sql.exec("INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (1, 0, '[]', ?)", old);
    // Its slot is the one that held the newest revision, and the machine's clock is behind.
    clock.stepBack(30_000);
    for (let restart = 0; restart < 2; restart += 1) {
      shard = start();
      expect(shard.status()).toMatchObject({ unreadRows: 0, clockAheadMs: 30_000 });
    }
  });

  it("takes nothing that was cleared from a row that it can read only now, whatever that says", async () => {
    const { clock, sql, start } = shardOver();
    const [old, paused] = [
      recordOf({ userId: "ada", itemId: "film", atMs: clock.now(), rev: clock.now() * 1024 }),
      stateOf({
        userId: "ada",
        paused: true,
        pausedFromMs: clock.now(),
        settingsRev: clock.now() * 1024 + 1,
      }),
    ];
    clock.turn(1);
    start().clear("ada");
    const row = encodeRow([old], [paused]).buffer;
    sql.exec("INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (1, 0, '[]', ?)", row);
    const shard = start();
    expect(shard.status()).toMatchObject({ unreadRows: 0, pending: 0 });
    expect(shard.settings("ada")).toEqual({ paused: true });
    expect(shard.collectStates(["ada"])).toMatchObject([{ paused: true, cleared: { atMs: clock.now() } }]);
  });

  it("starts with a row of garbage in it", async () => {
    const { sql, start } = shardOver();
    await start().report("ada", beat("film", 1));
    sql.exec("UPDATE log SET payload = ?", new Uint8Array([255, 255, 255, 255]).buffer);
    const shard = start();
    expect(shard.status().unreadRows).toBe(1);
    expect(await shard.report("ada", beat("film", 2))).toMatchObject({ accepted: 1 });
  });
});

describe("an erased user", () => {
  /** Every row of every table that holds the text, in whatever column. */
  function copiesOf(sql: SqliteShardSql, text: string): string[] {
    const tables = sql
      .exec("SELECT name FROM sqlite_master WHERE type = 'table'")
      .toArray()
      .map(({ name }) => String(name));
    return tables.flatMap((table) =>
      sql
        .exec(`SELECT * FROM ${table}`)
        .toArray()
        .flatMap((row) => {
          const holds = Object.values(row).some((value) =>
            value instanceof ArrayBuffer ? Buffer.from(value).includes(text) : String(value).includes(text),
          );
          return holds ? [table] : [];
        }),
    );
  }

  it("leaves no copy in the shard: not in rows, not in the snapshot, not in rows set aside, whatever comes later", async () => {
    const sql = new SqliteShardSql();
    const { start } = shardOver({ sql, liveRowsMax: 5 });
    let shard = start();
    for (let round = 0; round < 23; round += 1) {
      await shard.report("eve-the-erased", beat(`film-${round}`, round));
      await shard.report("ada", beat(`film-${round}`, round));
    }
    sql.exec(
      "INSERT INTO unread_row (seq, part, kinds_read, payload) SELECT seq, 0, '[3]', payload FROM log LIMIT 3",
    );
    expect(copiesOf(sql, "eve-the-erased").length).toBeGreaterThan(3);
    atOnce(shard.erase("eve-the-erased"));
    await shard.report("eve-the-erased", beat("late", 1));
    expect(copiesOf(sql, "eve-the-erased")).toEqual(["erased_user"]);
    for (const restarted of [shard, start()]) {
      shard = restarted;
      expect(shard.status().pending).toBe(23);
      expect(await positions(shard, "eve-the-erased")).toEqual({});
      expect(await shard.report("eve-the-erased", beat("later", 1))).toMatchObject({
        accepted: 0,
        ignored: 1,
      });
    }
    expect(copiesOf(sql, "eve-the-erased")).toEqual(["erased_user"]);
  });
});

describe("a clock that was a month ahead for one reading", () => {
  it("does not stop snapshots, though one failed at that time", async () => {
    const { clock, sql, failures, start } = shardOver({ liveRowsMax: 3 });
    const shard = start();
    clock.stepBack(-30 * DAY);
    for (let item = 0; item < 3; item += 1) await shard.report("ada", beat(`film-${item}`, item));
    sql.writesLeft = 1;
    await shard.report("ada", beat("film-3", 3));
    expect(failures).toContain("write a snapshot");
    sql.writesLeft = Number.POSITIVE_INFINITY;
    clock.stepBack(30 * DAY);
    for (let minute = 0; minute < 20; minute += 1) {
      clock.turn(MINUTE);
      await shard.report("ada", beat(`film-${minute % 4}`, minute));
    }
    expect(shard.status().liveLogRows).toBeLessThanOrEqual(4);
  });

  it("neither stops the write-back nor dates what comes after it", async () => {
    const { clock, alarms, failures, sent, start } = shardOver();
    let shard = start();
    clock.stepBack(-30 * DAY);
    await shard.report("ada", beat("film", 1));
    clock.stepBack(30 * DAY);
    for (const restarts of [false, true]) {
      if (restarts) shard = start();
      await shard.report("ada", beat(`series-${restarts}`, 2));
      const { items } = await shard.list("ada", { limit: 10 });
      expect(items.find(({ itemId }) => itemId === `series-${restarts}`)?.watchedAt).toBe(clock.now());
      expect(alarms.at(-1)).toBeLessThanOrEqual(clock.now() + 5 * MINUTE);
    }
    expect(failures).toContain("date reports");
    expect(shard.status().clockAheadMs).toBeGreaterThan(29 * DAY);
    clock.turn(6 * MINUTE);
    await shard.onAlarm();
    expect(sent.flatMap((message) => (message.type === "flush" ? message.users : []))).toEqual([
      ["ada", expect.arrayContaining(["video/film", "video/series-true"])],
    ]);
  });
});

describe("a shard whose records are all in D1", () => {
  it("finds nothing to flush when it wakes, however often it sleeps", async () => {
    const { clock, sent, start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    clock.turn(5 * MINUTE);
    await shard.onAlarm();
    expect(sent).toHaveLength(1);
    confirmAll(shard, [keyOf("film")]);

    for (let wake = 0; wake < 3; wake += 1) {
      clock.turn(5 * MINUTE);
      const woken = start();
      expect(woken.status().pending).toBe(0);
      await woken.onAlarm();
    }
    expect(sent).toHaveLength(1);
  });

  it("writes one row for each confirmation that takes something away, and none for another", async () => {
    const { sql, start } = shardOver();
    const written = () => lastSeqOf(sql);
    const shard = start();
    await shard.report("ada", [...beat("film", 1), ...beat("series", 1)]);
    confirmAll(shard, [keyOf("film")]);
    expect(written()).toBe(2);
    confirmAll(shard, [keyOf("series")]);
    expect(written()).toBe(3);
    confirmAll(shard, [keyOf("series")]);
    confirmAll(start(), [keyOf("series")]);
    expect(written()).toBe(3);
  });

  it("is confirmed though that can't be written", async () => {
    const { sql, failures, start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    sql.writesLeft = 0;
    confirmAll(shard, [keyOf("film")]);
    expect(failures).toEqual(["note what is confirmed"]);
    sql.writesLeft = Number.POSITIVE_INFINITY;
    expect(shard.status().pending).toBe(0);
    // What was not noted is found again, and flushed once more.
    expect(start().status().pending).toBe(1);
    await shard.report("ada", beat("film", 2));
    expect(await positions(start())).toEqual({ film: 2 });
  });

  it("keeps what comes after it, and the numbers of its revisions", async () => {
    const { start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    const [before] = atOnce(shard.collect([keyOf("film")]));
    confirmAll(shard, [keyOf("film")]);
    const woken = start();
    await woken.report("ada", beat("film", 2));
    const [after] = atOnce(start().collect([keyOf("film")]));
    expect(after?.positionMs).toBe(2);
    expect(after?.rev).toBeGreaterThan(before?.rev ?? Number.NaN);
  });
});
