import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  comparePositions,
  itemName,
  knownDuration,
  mergeRecords,
  type HistoryRecord,
  type Position,
} from "../../../src/history/biz/record.ts";
import {
  admits,
  joinStates,
  mayBePending,
  newUserState,
  type UserState,
} from "../../../src/history/biz/user-state.ts";
import { d1Erasure } from "../../../src/history/data/d1-erasure.ts";
import { d1HistoryReader } from "../../../src/history/data/d1-history-reader.ts";
import { d1HistoryWriter } from "../../../src/history/data/d1-history-writer.ts";
import { d1Rejected } from "../../../src/history/data/d1-rejected.ts";
import { anyRecord, recordOf } from "../../support/databases/history-records.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1, type SqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { anyState, stateOf } from "../../support/databases/user-states.ts";

const MIGRATIONS = migrationsOf("history");

const db = sqliteD1(MIGRATIONS);
const other = sqliteD1(MIGRATIONS);

/** A database with nothing in it. */
function emptied(db: SqliteD1) {
  db.sqlite.exec("DELETE FROM history; DELETE FROM history_user; DELETE FROM history_rejected");
  return { db, writer: d1HistoryWriter(db, () => 0), reader: d1HistoryReader(() => db) };
}

/** What a database has of a user, as a state; null where it has no row. */
function stateIn({ sqlite }: SqliteD1, userId: string): UserState | null {
  const row = sqlite.prepare("SELECT * FROM history_user WHERE user_id = ?").get(userId);
  if (row === undefined) return null;
  const numberIn = (column: string): number => Number(row[column]);
  const orNull = (column: string): number | null => (row[column] === null ? null : numberIn(column));
  const positionIn = (at: string, rev: string): Position | null =>
    numberIn(at) < 0 ? null : { atMs: numberIn(at), rev: numberIn(rev) };
  return {
    userId,
    paused: row["paused"] === 1,
    pausedFromMs: orNull("paused_from"),
    pausedUntilMs: orNull("paused_until"),
    settingsRev: numberIn("settings_rev"),
    cleared: positionIn("cleared_before", "cleared_rev"),
    floor: positionIn("floor_at", "floor_rev"),
    floorRev: numberIn("floor_set_rev"),
    forgottenRev: numberIn("forgotten_rev"),
  };
}

describe("what holds for a user, in the database", () => {
  it("is what is joined of all that was written, one after the other or at once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyState, { minLength: 1, maxLength: 4 }), async (states) => {
        const joined = states.reduce(joinStates);
        const [apart, together] = [emptied(db), emptied(other)];
        for (const state of states) await apart.writer.writeStates([state]);
        await together.writer.writeStates(states);
        for (const each of [db, other]) expect(stateIn(each, "ada")).toEqual(joined);
      }),
      {
        numRuns: 300,
        examples: [[[1, 2].map((floorRev) => stateOf({ floor: { atMs: 1, rev: 1 }, floorRev }))]],
      },
    );
  });

  it("is written of many users, and of each once only", async () => {
    const { writer } = emptied(db);
    const states = Array.from({ length: 120 }, (_, user) =>
      stateOf({ userId: `user-${user}`, forgottenRev: user + 1 }),
    );
    await writer.writeStates(states);
    for (const state of states) expect(stateIn(db, state.userId)).toEqual(state);
    const changes = (): unknown => db.sqlite.prepare("SELECT total_changes() AS n").get();
    const before = changes();
    await writer.writeStates(states);
    expect(changes()).toEqual(before);
  });

  it("says nothing of a user who is erased, before or after", async () => {
    const { writer, reader } = emptied(db);
    const state = stateOf({
      paused: true,
      pausedFromMs: 1,
      pausedUntilMs: 2,
      settingsRev: 3,
      cleared: { atMs: 4, rev: 5 },
      floor: { atMs: 6, rev: 7 },
      floorRev: 8,
      forgottenRev: 9,
    });
    await writer.writeStates([state]);
    await d1Erasure(db)("ada");
    expect(stateIn(db, "ada")).toEqual(newUserState("ada"));
    await writer.writeStates([state]);
    await writer.upsert([recordOf()]);
    expect([stateIn(db, "ada"), await reader.newestOf("ada", 10)]).toEqual([newUserState("ada"), []]);
    const erased = db.sqlite.prepare("SELECT erased, rev FROM history_user").all();
    expect(erased.map((row) => ({ ...row }))).toEqual([{ erased: 1, rev: 0 }]);
  });
});

type Write = { readonly record: HistoryRecord } | { readonly state: UserState };

/** Few items, and positions so near that they meet. */
const anyWrite: fc.Arbitrary<Write> = fc
  .oneof(
    { weight: 3, arbitrary: fc.tuple(anyRecord, fc.nat(2), fc.nat(3)) },
    { weight: 1, arbitrary: fc.tuple(anyState, fc.nat(8), fc.nat(8)) },
  )
  .map(([drawn, one, two]): Write =>
    "event" in drawn
      ? { record: { ...drawn, userId: "ada", kind: "video", itemId: `m${one}`, atMs: two } }
      : { state: near(drawn, one, two) },
  );

function near(state: UserState, one: number, two: number): UserState {
  const at = (position: Position | null, atMs: number): Position | null => position && { ...position, atMs };
  return { ...state, cleared: at(state.cleared, one % 4), floor: at(state.floor, two % 4) };
}

/** What stands after these writes. */
function modelOf(writes: readonly Write[]): readonly HistoryRecord[] {
  let records = new Map<string, HistoryRecord>();
  let state: UserState | null = null;
  for (const write of writes) {
    if ("state" in write) {
      const joined: UserState = state === null ? write.state : joinStates(state, write.state);
      records = new Map([...records].filter(([, record]) => admits(joined, record)));
      state = joined;
    } else if (mayBePending(state, write.record)) {
      const name = itemName(write.record);
      const known = records.get(name);
      records.set(name, known === undefined ? write.record : mergeRecords(known, write.record));
    }
  }
  return [...records.values()];
}

const newestFirst = (a: HistoryRecord, b: HistoryRecord): number =>
  comparePositions(b, a) || itemName(a).localeCompare(itemName(b));

describe("a user's rows", () => {
  it("are what the fold of records and states leaves, whatever comes in whatever order", async () => {
    const distinct = fc
      .array(anyWrite, { maxLength: 12 })
      .map((writes) =>
        writes.map((write, rev) =>
          "record" in write ? { record: { ...write.record, rev: rev + 1 } } : write,
        ),
      );
    const shuffled = distinct.chain((writes) =>
      fc.shuffledSubarray([...writes], { minLength: writes.length }),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, async (writes) => {
        const { writer, reader } = emptied(db);
        for (const write of writes)
          await ("record" in write ? writer.upsert([write.record]) : writer.writeStates([write.state]));
        const expected = modelOf(writes).map((record) => ({ ...record, durationMs: knownDuration(record) }));
        expect(await reader.newestOf("ada", 100)).toEqual(expected.toSorted(newestFirst));
      }),
      { numRuns: 500 },
    );
  });

  it("don't come back by a job that was stalled until their tombstone was forgotten", async () => {
    const { writer, reader } = emptied(db);
    const [film, other] = [recordOf({ atMs: 1, rev: 1 }), recordOf({ itemId: "m2", atMs: 2, rev: 2 })];
    await writer.upsert([film, other]);
    await writer.upsert([{ ...film, atMs: 3, rev: 3, deleted: true }]);
    await writer.writeStates([stateOf({ forgottenRev: 3 })]);
    await writer.upsert([film, { ...other, positionMs: 5 }]);
    expect(await reader.newestOf("ada", 10)).toEqual([other]);
    const again = { ...film, atMs: 4, rev: 4 };
    await writer.upsert([again]);
    expect(await reader.newestOf("ada", 10)).toEqual([again, other]);
  });

  it("of others stay when one's are cleared", async () => {
    const { writer, reader } = emptied(db);
    await writer.upsert(["ada", "bob"].map((userId) => recordOf({ userId, atMs: 3, rev: 3 })));
    await writer.writeStates([stateOf({ cleared: { atMs: 3, rev: 3 } }), stateOf({ userId: "bob" })]);
    expect([await reader.newestOf("ada", 10), (await reader.newestOf("bob", 10)).length]).toEqual([[], 1]);
  });
});

describe("a record that was set aside", () => {
  const poison = recordOf({ atMs: 5, rev: 5, positionMs: -1 });
  const later = { ...poison, atMs: 7, rev: 7 };
  const tombstone = recordOf({ atMs: 6, rev: 6, deleted: true });
  const setAside = () =>
    db.sqlite
      .prepare("SELECT item_id, rev FROM history_rejected ORDER BY item_id, rev")
      .all()
      .map((row) => `${String(row["item_id"])} ${String(row["rev"])}`);

  it("goes with its item, and what came later or is another's stays", async () => {
    const { writer } = emptied(db);
    for (const record of [poison, later, { ...poison, itemId: "m2" }]) await writer.reject(record, "why");
    await writer.upsert([tombstone, recordOf({ userId: "bob" })]);
    expect(setAside()).toEqual(["m1 7", "m2 5"]);
    await writer.writeStates([stateOf({ cleared: { atMs: 6, rev: 6 } })]);
    expect(setAside()).toEqual(["m1 7"]);
    await writer.writeStates([stateOf({ floor: { atMs: 9, rev: 9 }, floorRev: 9, settingsRev: 9 })]);
    expect(setAside()).toEqual(["m1 7"]);
  });

  it("stays where it is later than what is deleted, though that came later", async () => {
    const ahead = { ...poison, atMs: 9 };
    for (const isEarly of [true, false]) {
      const { writer } = emptied(db);
      if (isEarly) await writer.reject(ahead, "why");
      await writer.upsert([tombstone]);
      await writer.reject(ahead, "why");
      expect(setAside()).toEqual(["m1 5"]);
    }
  });

  it("is kept no more where a stalled job sets it aside after its item was deleted", async () => {
    const after: readonly ((writer: ReturnType<typeof emptied>["writer"]) => Promise<void>)[] = [
      (writer) => writer.upsert([tombstone]),
      (writer) => writer.writeStates([stateOf({ cleared: { atMs: 6, rev: 6 } })]),
      (writer) => writer.writeStates([stateOf({ forgottenRev: 6 })]),
    ];
    for (const happened of after) {
      const { writer } = emptied(db);
      await happened(writer);
      await writer.reject(poison, "why");
      expect(setAside()).toEqual([]);
      await writer.reject(later, "why");
      expect(setAside()).toEqual(["m1 7"]);
    }
  });

  it("is written by hand though tombstones of others were forgotten since", async () => {
    const { writer, reader } = emptied(db);
    await writer.reject(poison, "why");
    await writer.writeStates([stateOf({ forgottenRev: 6 })]);
    const store = d1Rejected(db, () => 0, { cell: "main", database: 0 });
    const [row] = await store.oldest(1);
    if (row === undefined) throw new Error("nothing is set aside");
    await store.write(row, { ...poison, positionMs: 1 });
    expect([await reader.newestOf("ada", 10), setAside()]).toEqual([[{ ...poison, positionMs: 1 }], []]);
  });
});

describe("a user has too much in the database", () => {
  const KEEP = 3;
  const BEFORE_MS = 1_000;

  async function isOverfull(...records: readonly Partial<HistoryRecord>[]): Promise<boolean> {
    const { writer } = emptied(db);
    await writer.upsert(
      records.map((more, item) => recordOf({ itemId: `m${item}`, atMs: BEFORE_MS, ...more })),
    );
    await writer.upsert([recordOf({ userId: "bob" })]);
    const found = await writer.overfull(["ada", "bob", "nobody"], KEEP, BEFORE_MS);
    expect(found).not.toContain("bob");
    return found.includes("ada");
  }

  it("with one entry more than is kept, tombstones not counted", async () => {
    expect(await isOverfull({}, {}, {}, { deleted: true }, { deleted: true }, { deleted: true })).toBe(false);
    expect(await isOverfull({}, {}, {}, {})).toBe(true);
  });

  it("with as many tombstones, or one that is old", async () => {
    const tombstone = { deleted: true };
    expect(await isOverfull(tombstone, tombstone, tombstone)).toBe(false);
    expect(await isOverfull(tombstone, tombstone, tombstone, tombstone)).toBe(true);
    expect(await isOverfull({ deleted: true, atMs: BEFORE_MS - 1 })).toBe(true);
    expect(await isOverfull({ atMs: BEFORE_MS - 1 })).toBe(false);
  });
});
