import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogRows } from "../../../src/history/biz/log-rows.ts";
import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import { UNKNOWN_DATABASE } from "../../../src/history/biz/placement.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { beat, shardOver } from "../support/shard-over.ts";

const MINUTE = 60_000;
const databaseOf = (userId: string): number => userId.charCodeAt(0) % 3;

/** A set whose users' databases are as `of` says. */
function setOver(of: (userId: string) => number) {
  const rows = new LogRows();
  const pending = new PendingSet({
    rows,
    windowMs: MINUTE,
    entriesPerUserMax: 100,
    databaseOf: of,
    onBeyond: () => undefined,
  });
  let seq = 0;
  const put = (userId: string, itemId: string): void => {
    seq += 1;
    rows.add(seq, 100);
    pending.put(recordOf({ userId, itemId, rev: seq }), seq, seq);
  };
  const drop = (userId: string): void => pending.dropUser(userId);
  const shares = () =>
    Array.from(pending.shares, ({ database, count, bytes }) => ({ database, count, bytes }))
      .filter(({ count, bytes }) => count > 0 || bytes > 0)
      .toSorted((a, b) => a.database - b.database);
  return { pending, put, drop, shares };
}

const users = fc.constantFrom("ada", "bob", "cyd", "dan", "eve");
const steps = fc.array(
  fc.tuple(
    fc.constantFrom("put" as const, "put" as const, "put" as const, "drop" as const),
    users,
    fc.constantFrom("m1", "m2", "m3"),
  ),
);

describe("what is pending before it is known which database holds whom", () => {
  it("weighs on the right ones from then on, as if it had been known all along", () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        let isKnown = false;
        const late = setOver((userId) => (isKnown ? databaseOf(userId) : UNKNOWN_DATABASE));
        const early = setOver(databaseOf);
        const play = (given: typeof before): void => {
          for (const [what, userId, itemId] of given)
            for (const set of [late, early]) set[what](userId, itemId);
        };
        play(before);
        isKnown = true;
        late.pending.rehome();
        expect(late.shares()).toEqual(early.shares());
        play(after);
        expect(late.shares()).toEqual(early.shares());
        expect([late.pending.count, late.pending.bytes]).toEqual([early.pending.count, early.pending.bytes]);
      }),
    );
  });

  it("tells operators of no database that there isn't", async () => {
    let isKnown = false;
    const { start, clock } = shardOver({
      databases: 3,
      databaseOf: (userId) => (isKnown ? databaseOf(userId) : UNKNOWN_DATABASE),
    });
    const shard = start();
    await shard.report("ada", beat("film", 1));
    await shard.flushNow();
    // The lease runs out: nobody has confirmed anything.
    clock.turn(10 * MINUTE);
    await shard.onAlarm();
    expect(shard.status()).toMatchObject({ pending: 1, failingDatabases: [] });
    isKnown = true;
    shard.rehome();
    clock.turn(30 * MINUTE);
    await shard.onAlarm();
    expect(shard.status().failingDatabases).toEqual([databaseOf("ada")]);
  });
});
