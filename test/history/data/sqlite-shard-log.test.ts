import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { confirmationOfState, joinStates, type UserState } from "../../../src/history/biz/user-state.ts";
import { encodeRow } from "../../../src/history/data/log-codec.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { ProtobufWriter } from "../../../src/protocol/protobuf.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { anyState, stateOf } from "../../support/databases/user-states.ts";

const CLEARED = stateOf({ cleared: { atMs: 5, rev: 50 } });
const PAUSED = stateOf({ paused: true, pausedFromMs: 7, settingsRev: 70 });

function started(sql = new SqliteShardSql()) {
  const log = new SqliteShardLog(sql);
  const { lastSeq } = log.replay(() => undefined);
  let seq = lastSeq;
  const append = (users: readonly UserState[], records = [recordOf()]): void =>
    void log.append([{ seq: (seq += 1), records, users }], 1);
  return { sql, log, append, again: () => new SqliteShardLog(sql) };
}

/** Statements other than `SELECT` that are run. */
function writesOf(sql: SqliteShardSql, work: () => void): number {
  sql.writesLeft = 1_000;
  work();
  const writes = 1_000 - sql.writesLeft;
  sql.writesLeft = Number.POSITIVE_INFINITY;
  return writes;
}

describe("the log of a shard", () => {
  it("remembers the largest revision though the row that carried it is overwritten by older ones", () => {
    const sql = new SqliteShardSql();
    const log = new SqliteShardLog(sql);
    log.replay(() => undefined);
    log.append([{ seq: 1, records: [recordOf({ rev: 100 })], users: [] }], 1);
    // A row of a later release is adopted: its record is old, and takes the place of what D1 has
    // confirmed.
    log.append([{ seq: 2, records: [recordOf({ rev: 50 })], users: [] }], 2);
    expect(new SqliteShardLog(sql).replay(() => undefined).revHighWater).toBe(100);
  });

  it("remembers the revision of a user's state as it does a record's", () => {
    const { append, again } = started();
    append([stateOf({ forgottenRev: 300 })], [recordOf({ rev: 100 })]);
    expect(again().replay(() => undefined).revHighWater).toBe(300);
  });

  it("gives what rows say of users back with their records", () => {
    const { append, again } = started();
    append([CLEARED], [recordOf({ deleted: true })]);
    const parts: object[] = [];
    again().replay(({ records, users }) => void parts.push({ records, users }));
    expect(parts).toEqual([{ records: [recordOf({ deleted: true })], users: [CLEARED] }]);
  });

  it("writes a heartbeat as one statement, and so does one beside which users have states", () => {
    const { sql, append } = started();
    expect(writesOf(sql, () => append([]))).toBe(1);
    append([CLEARED]);
    expect(writesOf(sql, () => append([]))).toBe(1);
    // What is known already isn't written again.
    expect(writesOf(sql, () => append([CLEARED]))).toBe(1);
    expect(writesOf(sql, () => append([PAUSED]))).toBe(2);
  });
});

describe("what holds for a user as a whole", () => {
  it("is what is joined of all that was said, in one row or in many, after a restart too", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyState, { maxLength: 3 }), { minLength: 1, maxLength: 5 }), (rows) => {
        const { log, append, again } = started();
        for (const users of rows) append(users);
        const expected = rows
          .flat()
          .reduce<UserState | null>((all, state) => (all === null ? state : joinStates(all, state)), null);
        expect(log.userState("ada")).toEqual(expected);
        expect(again().userState("ada")).toEqual(expected);
        expect(log.userState("bob")).toBeNull();
      }),
    );
  });

  it("outlives the row that said it", () => {
    const { log, append, again } = started();
    append([CLEARED]);
    log.append([{ seq: 2, records: [], users: [] }], 2);
    log.writeSnapshot(3, { records: [], keys: [] });
    expect(again().userState("ada")).toEqual(CLEARED);
  });

  it("is written with its row or not at all", () => {
    const { sql, log, append, again } = started();
    append([CLEARED]);
    sql.writesLeft = 1;
    expect(() => append([PAUSED])).toThrow("the disk is full");
    sql.writesLeft = Number.POSITIVE_INFINITY;
    for (const each of [log, again()]) expect(each.userState("ada")).toEqual(CLEARED);
    expect(again().replay(() => undefined).lastSeq).toBe(1);
  });

  it("asks the storage nothing in a shard where nobody has a state, and of a user once", () => {
    const { sql, log, append } = started();
    let asked = 0;
    const exec = sql.exec.bind(sql);
    sql.exec = (...given) => ((asked += 1), exec(...given));
    expect([log.userState("ada"), log.unconfirmedStates(10), asked]).toEqual([null, [], 0]);
    append([CLEARED]);
    asked = 0;
    for (let look = 0; look < 3; look += 1) {
      expect(log.userState("ada")).toEqual(CLEARED);
      expect(log.userState("bob")).toBeNull();
    }
    expect(asked).toBe(1);
  });

  it("is unconfirmed until D1 has all of it, and again when anything is added to it", () => {
    const { log, append, again } = started();
    append([CLEARED, stateOf({ userId: "bob", forgottenRev: 1 })]);
    expect(log.unconfirmedStates(10)).toHaveLength(2);
    expect(log.unconfirmedStates(1)).toHaveLength(1);
    expect(log.confirmState({ ...confirmationOfState(CLEARED), clearedRev: 49 })).toBe(false);
    expect(log.unconfirmedStates(10)).toHaveLength(2);
    for (const state of [CLEARED, stateOf({ userId: "bob", forgottenRev: 1 }), stateOf({ userId: "eve" })])
      expect(log.confirmState(confirmationOfState(state))).toBe(true);
    for (const each of [log, again()]) expect(each.unconfirmedStates(10)).toEqual([]);
    // Of an unread row there may come what is older than what is confirmed.
    append([stateOf({ forgottenRev: 3 })]);
    const both = joinStates(CLEARED, stateOf({ forgottenRev: 3 }));
    // The job had collected it before that.
    expect(log.confirmState(confirmationOfState(CLEARED))).toBe(false);
    for (const each of [log, again()]) expect(each.unconfirmedStates(10)).toEqual([both]);
  });

  it("goes when the user is erased, with every row that says it, and never comes back", () => {
    const { sql, log, append, again } = started();
    append([CLEARED, stateOf({ userId: "bob", forgottenRev: 1 })]);
    log.erase("ada", 1, 2, { records: [], keys: [] });
    append([PAUSED]);
    for (const each of [log, again()]) {
      expect(each.userState("ada")).toBeNull();
      expect(each.userState("bob")).toEqual(stateOf({ userId: "bob", forgottenRev: 1 }));
    }
    const said = "SELECT count(*) AS n FROM user_state WHERE instr(state, CAST('ada' AS BLOB))";
    expect(sql.exec(said).toArray()).toEqual([{ n: 0 }]);
  });

  it("goes though it was the release before, which knows of no states, that erased the user", () => {
    const { sql, append, again } = started();
    append([CLEARED, stateOf({ userId: "bob", forgottenRev: 1 })]);
    sql.exec("INSERT INTO erased_user (user_id, at_ms) VALUES ('ada', 1), ('eve', 1)");
    const log = again();
    expect(log.unconfirmedStates(10)).toEqual([stateOf({ userId: "bob", forgottenRev: 1 })]);
    expect(sql.exec("SELECT user_id FROM user_state").toArray()).toEqual([{ user_id: "bob" }]);
  });

  it("is taken from a row that the release before had to set aside, in the place of which it is written", () => {
    const { sql, log } = started();
    const row = encodeRow([recordOf(), recordOf({ itemId: "gone", deleted: true })], [CLEARED]);
    sql.exec("INSERT INTO unread_row (seq, part, kinds_read, payload) VALUES (1, 0, '[3]', ?)", row.buffer);
    const [id = 0] = log.unreadIds();
    const content = log.readUnread(id);
    expect(content).toEqual({
      records: [recordOf({ itemId: "gone", deleted: true })],
      keys: [],
      users: [CLEARED],
    });
    if (content !== null) log.append([{ seq: 1, ...content }], 1, id);
    expect([log.userState("ada"), log.unreadIds(), log.unreadRows]).toEqual([CLEARED, [], 0]);
  });

  it("is there though its row has what only a later release can read", () => {
    const { sql, append, again } = started();
    append([CLEARED]);
    const later = new ProtobufWriter();
    later.text(7, "a move of a later release");
    const row = new Uint8Array([...encodeRow([], [CLEARED]), ...later.finish()]);
    sql.exec("UPDATE log SET payload = ?", row.buffer);
    const log = again();
    const users: UserState[] = [];
    log.replay((part) => void users.push(...part.users));
    expect([users, log.unreadRows, log.readUnread(log.unreadIds()[0] ?? 0)]).toEqual([[CLEARED], 1, null]);
  });
});
