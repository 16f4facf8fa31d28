import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DurablePending } from "../../../src/history/biz/durable-pending.ts";
import type { HotStore } from "../../../src/history/biz/ports.ts";
import {
  comparePositions,
  confirmationOf,
  type HistoryRecord,
  type RecordKey,
} from "../../../src/history/biz/record.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { recordName, recordOf } from "../../support/databases/history-records.ts";

/** Builds the store over what is pending of one shard. */
export type MakeHotStore = (durable: DurablePending) => HotStore;

const START_MS = 1_700_000_000_000;
const ITEMS = ["m1", "m2", "m3"];
let shards = 0;

/** One shard's storage, and users of its own; the store over it may begin anew at any time. */
function shardWith(make: MakeHotStore) {
  const sql = new SqliteShardSql();
  shards += 1;
  const users = [`ada-${shards}`, `bob-${shards}`] as const;
  const start = (): HotStore =>
    make(
      new DurablePending({
        log: new SqliteShardLog(sql),
        limits: { flushWindowMs: 300_000, entriesPerUserMax: 1_000, liveRowsMax: 1_000 },
        databaseOf: () => 0,
        mayWriteStates: () => true,
        now: () => START_MS,
        onBackgroundFailure: (what, error) => {
          throw new Error(what, { cause: error });
        },
      }),
    );
  const keys: readonly RecordKey[] = users.flatMap((userId) =>
    ITEMS.map((itemId) => ({ userId, kind: "video", itemId })),
  );
  /** All that is pending, as a job that knows everything collects it. */
  const pending = async (store: HotStore): Promise<Record<string, HistoryRecord>> => {
    await store.load(users);
    const records = await store.collect(keys, () => true);
    return Object.fromEntries(records.map((record) => [recordName(record), record]));
  };
  return { users, start, pending };
}

/** Takes records as a commit does, and waits until they are durable. */
async function take(store: HotStore, ...records: readonly HistoryRecord[]): Promise<void> {
  store.put({ records, isNews: false }, START_MS);
  for (const { userId } of records) await store.durable(userId);
}

const anyStates = fc.array(
  fc.record({
    user: fc.constantFrom(0, 1),
    itemId: fc.constantFrom(...ITEMS),
    atMs: fc.integer({ min: START_MS, max: START_MS + 5 }),
    durationMs: fc.constantFrom(90_000, 95_000),
  }),
  { minLength: 1, maxLength: 12 },
);

/** What every hot store does, whatever it is made of. */
export function describeHotStore(name: string, make: MakeHotStore): void {
  describe(`hot store: ${name}`, () => {
    it("keeps of each item the newest by (at, rev), and finds it after a restart", async () => {
      await fc.assert(
        fc.asyncProperty(anyStates, async (states) => {
          const { users, start, pending } = shardWith(make);
          const store = start();
          const newest: Record<string, HistoryRecord> = {};
          for (const [index, { user, ...state }] of states.entries()) {
            const rev = START_MS * 1_024 + index;
            const record = recordOf({ ...state, userId: users[user] ?? "", positionMs: index, rev });
            await take(store, record);
            const known = newest[recordName(record)];
            if (known === undefined || comparePositions(record, known) > 0)
              newest[recordName(record)] = record;
          }
          expect(await pending(store)).toEqual(newest);
          expect(await pending(start())).toEqual(newest);
        }),
        { numRuns: 40 },
      );
    });

    it("takes several states of one item in one commit", async () => {
      const { users, start, pending } = shardWith(make);
      const [userId] = users;
      const older = recordOf({ userId, positionMs: 1, rev: 1_024 });
      const newer = recordOf({ userId, positionMs: 2, rev: 1_025 });
      await take(start(), newer, older);
      expect(await pending(start())).toEqual({ [recordName(newer)]: newer });
    });

    it("drops what D1 holds for good, and nothing that has come since", async () => {
      const { users, start, pending } = shardWith(make);
      const store = start();
      const [userId] = users;
      const first = recordOf({ userId, positionMs: 1, rev: 1_024 });
      const second = recordOf({ userId, positionMs: 2, rev: 1_025 });
      const other = recordOf({ userId, itemId: "m2", rev: 1_026 });
      await take(store, first, other);
      const collected = Object.values(await pending(store));
      await take(store, second);
      await store.drop(collected.map(confirmationOf), START_MS);
      expect(await pending(store)).toEqual({ [recordName(second)]: second });
      expect(await pending(start())).toEqual({ [recordName(second)]: second });
      await store.drop([confirmationOf(second)], START_MS);
      expect(await pending(store)).toEqual({});
      expect(await pending(start())).toEqual({});
    });

    it("drops after a restart what was collected before it", async () => {
      const { users, start, pending } = shardWith(make);
      const record = recordOf({ userId: users[0] });
      await take(start(), record);
      await start().drop([confirmationOf(record)], START_MS);
      expect(await pending(start())).toEqual({});
    });

    it("takes again what was dropped", async () => {
      const { users, start, pending } = shardWith(make);
      const store = start();
      const first = recordOf({ userId: users[0], rev: 1_024 });
      const second = recordOf({ userId: users[0], positionMs: 5, rev: 1_025 });
      await take(store, first);
      await store.drop([confirmationOf(first)], START_MS);
      await take(store, second);
      expect(await pending(start())).toEqual({ [recordName(second)]: second });
    });

    it("gives the job only what it takes", async () => {
      const { users, start } = shardWith(make);
      const store = start();
      const record = recordOf({ userId: users[0] });
      await take(store, record);
      expect(await store.collect([record], () => false)).toEqual([]);
    });

    it("forgets a user as often as it is told, and nobody else", async () => {
      const { users, start, pending } = shardWith(make);
      const store = start();
      const [ada, bob] = users.map((userId) => recordOf({ userId }));
      if (ada === undefined || bob === undefined) throw new Error("there are two");
      await take(store, ada, bob);
      await store.forget(ada.userId, START_MS);
      await store.forget(ada.userId, START_MS);
      expect(await pending(store)).toEqual({ [recordName(bob)]: bob });
      const again = start();
      await again.forget(ada.userId, START_MS);
      expect(await pending(again)).toEqual({ [recordName(bob)]: bob });
    });
  });
}
