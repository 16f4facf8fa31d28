import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { LogRows } from "../../../src/history/biz/log-rows.ts";
import { PendingIndex } from "../../../src/history/biz/pending-index.ts";
import { PendingSet } from "../../../src/history/biz/pending-set.ts";
import {
  comparePositions,
  recordBytes,
  storedBytes,
  type HistoryRecord,
} from "../../../src/history/biz/record.ts";
import { beat, shardOver } from "../support/shard-over.ts";
import { recordOf } from "../../support/databases/history-records.ts";

const T0 = 1_700_000_000_000;
const MINUTE = 60_000;
const key = ({ userId, kind, itemId }: HistoryRecord) => ({ userId, kind, itemId });

/** A set over two databases: users whose name begins with "b" are in the second. */
function pendingSet({ entriesPerUserMax = 1_000, windowMs = 300_000 } = {}) {
  const rows = new LogRows();
  const pending = new PendingSet({
    rows,
    windowMs,
    entriesPerUserMax,
    databaseOf: (userId) => (userId.startsWith("b") ? 1 : 0),
    onBeyond: () => undefined,
  });
  let seq = 0;
  let rev = T0 * 1024;
  const put = (
    userId: string,
    itemId: string,
    more: Partial<HistoryRecord> = {},
    nowMs = T0,
  ): HistoryRecord => {
    seq += 1;
    rev += 1;
    rows.add(seq, 100);
    const record = recordOf({ userId, itemId, rev, ...more });
    pending.put(record, seq, nowMs);
    return record;
  };
  return { pending, rows, put };
}

const confirm = (pending: PendingSet, record: HistoryRecord, nowMs: number): void =>
  pending.confirm({ ...key(record), rev: record.rev }, nowMs);

describe("a user who has as much pending as is kept of them", () => {
  it("costs no walk over what everybody has, report by report, and is sent when it is due", () => {
    const { pending, put } = pendingSet({ entriesPerUserMax: 3 });
    for (let item = 0; item < 3; item += 1) put("ada", `film-${item}`, {}, T0 + item);
    put("bob", "film", {}, T0 + 9);
    expect(pending.nextDueMs()).toBe(T0 + 300_000);
    const walks = vi.spyOn(PendingIndex.prototype, "each");
    for (let item = 3; item < 50; item += 1) {
      put("ada", `film-${item}`, {}, T0 + 100 + item);
      // Early, if anything: an alarm that finds nothing due sets the next one.
      expect(pending.nextDueMs()).toBe(T0 + 300_000);
    }
    expect(walks).not.toHaveBeenCalled();
    walks.mockRestore();
    expect(pending.lease(T0, T0 + 300_000)).toEqual([]);
    expect(pending.nextDueMs()).toBe(T0 + 300_009);
  });
});

describe("a record that was reported again while the job had it", () => {
  it("waits since that report, not since the job came back", () => {
    const { pending, put } = pendingSet({ windowMs: 5_000 });
    const first = put("ada", "film");
    pending.lease(T0, T0);
    pending.collect([key(first)], () => true);
    put("ada", "film", {}, T0 + 1_000);
    put("ada", "film", {}, T0 + 30_000);
    expect(pending.nextDueMs()).toBe(T0 + MINUTE);
    confirm(pending, first, T0 + 50_000);
    expect(pending.nextDueMs()).toBe(T0 + 1_000 + 5_000);
  });

  it("waits since what came after the first job had it, where a second one has it too", async () => {
    const { pending, put } = pendingSet({ windowMs: 5_000 });
    const first = put("ada", "film");
    pending.lease(T0, T0);
    pending.collect([key(first)], () => true);
    put("ada", "film", {}, T0 + 1_000);
    put("ada", "film", {}, T0 + 2_000);
    pending.collect([key(first)], () => true);
    confirm(pending, first, T0 + 50_000);
    expect(pending.nextDueMs()).toBe(T0 + 1_000 + 5_000);
  });

  it("waits no less for it where a second job confirms the same", () => {
    const { pending, put } = pendingSet({ windowMs: 5_000 });
    const first = put("ada", "film");
    pending.lease(T0, T0);
    for (let job = 0; job < 2; job += 1) pending.collect([key(first)], () => true);
    for (const afterMs of [1_000, 2_000, 3_000])
      put("ada", "film", { rev: (T0 + afterMs) * 1024 }, T0 + afterMs);
    for (const afterMs of [3_500, 4_000]) confirm(pending, first, T0 + afterMs);
    expect(pending.nextDueMs()).toBe(T0 + 1_000 + 5_000);
  });

  it("waits since what came after a later job had it, once that one has confirmed it", () => {
    const { pending, put } = pendingSet({ windowMs: 5_000 });
    const first = put("ada", "film");
    pending.lease(T0, T0);
    pending.collect([key(first)], () => true);
    const second = put("ada", "film", {}, T0 + 1_000);
    pending.lease(T0, T0 + MINUTE);
    pending.collect([key(first)], () => true);
    put("ada", "film", {}, T0 + 70_000);
    confirm(pending, second, T0 + 80_000);
    expect(pending.nextDueMs()).toBe(T0 + 70_000 + 5_000);
  });

  it.each([
    ["since it came in, where only the first of two jobs has confirmed", 1_000, 1_000],
    ["since now, where the revision is of a clock that was ahead", 86_400_000, 80_000],
  ])("waits %s", (_since, revAfterMs, sinceAfterMs) => {
    const { pending, put } = pendingSet({ windowMs: 5_000 });
    const first = put("ada", "film");
    pending.lease(T0, T0);
    pending.collect([key(first)], () => true);
    put("ada", "film", { rev: (T0 + revAfterMs) * 1024 }, T0 + 1_000);
    pending.lease(T0, T0 + MINUTE);
    pending.collect([key(first)], () => true);
    confirm(pending, first, T0 + 80_000);
    expect(pending.nextDueMs()).toBe(T0 + sinceAfterMs + 5_000);
  });
});

describe("leases", () => {
  it("that have grown long end when an operator has everything sent", async () => {
    const { clock, sent, start } = shardOver();
    const shard = start();
    await shard.report("ada", beat("film", 1));
    for (let minute = 0; minute < 60; minute += 1) {
      clock.turn(MINUTE);
      await shard.onAlarm();
    }
    const before = sent.length;
    await shard.flushNow();
    expect(sent.length).toBe(before + 1);
    // With the job now, and trusted to it.
    clock.turn(MINUTE);
    await shard.onAlarm();
    expect(sent.length).toBe(before + 1);
  });

  it("double from one minute to ten while nothing is confirmed", () => {
    const { pending, put } = pendingSet();
    put("ada", "film");
    let nowMs = T0;
    const gaps: number[] = [];
    for (let sends = 0; sends < 7; sends += 1) {
      expect(pending.lease(Number.POSITIVE_INFINITY, nowMs)).toHaveLength(1);
      const due = pending.nextDueMs() ?? 0;
      expect(pending.lease(Number.POSITIVE_INFINITY, due - 1)).toEqual([]);
      gaps.push((due - nowMs) / MINUTE);
      nowMs = due;
    }
    expect(gaps).toEqual([1, 2, 4, 8, 10, 10, 10]);
  });

  it("send an hour's outage a handful of times, not sixty", () => {
    const { pending, put } = pendingSet();
    for (let item = 0; item < 100; item += 1) put("ada", `film-${item}`);
    let keys = 0;
    for (let ms = 0; ms < 60 * MINUTE; ms += 2_000) keys += pending.lease(T0 + ms - 300_000, T0 + ms).length;
    expect(keys / 100).toBeLessThanOrEqual(8);
  });

  it("are cut short when the database takes something again", () => {
    const { pending, put } = pendingSet();
    const [first, second, other] = [put("ada", "film"), put("ada", "series"), put("bob", "film")];
    let nowMs = T0;
    for (let sends = 0; sends < 4; sends += 1) {
      pending.lease(Number.POSITIVE_INFINITY, nowMs);
      nowMs = pending.nextDueMs() ?? 0;
    }
    pending.lease(Number.POSITIVE_INFINITY, nowMs);
    expect(pending.shareFor(0).isFailing).toBe(true);
    confirm(pending, first, nowMs + 1_000);
    expect(pending.shareFor(0).isFailing).toBe(false);
    expect(pending.shareFor(1).isFailing).toBe(true);
    // Only what waits for the database that is back.
    expect(pending.lease(Number.POSITIVE_INFINITY, nowMs + 1_000)).toEqual([key(second)]);
    expect(pending.get(key(other))).toBe(other);
    expect(pending.nextDueMs()).toBe(nowMs + 1_000 + 2 * MINUTE);
  });

  it("are not cut short where they are the first, when the database takes something again", () => {
    const { pending, put } = pendingSet();
    const first = put("ada", "film");
    pending.lease(T0, T0);
    pending.lease(T0, T0 + MINUTE);
    expect(pending.shareFor(0).isFailing).toBe(true);
    put("ada", "series", {}, T0 + MINUTE);
    pending.lease(T0 + MINUTE, T0 + MINUTE);
    confirm(pending, first, T0 + MINUTE + 1_000);
    expect(pending.lease(Number.POSITIVE_INFINITY, T0 + MINUTE + 1_000)).toEqual([]);
  });

  it("tell of a database that takes nothing also where an operator ends them", () => {
    const { pending, put } = pendingSet();
    const [waits, written] = [put("ada", "film"), put("ada", "series")];
    pending.lease(Number.POSITIVE_INFINITY, T0);
    // The database takes one thing, then nothing any more.
    confirm(pending, written, T0 + 59_000);
    expect(pending.lease(Number.POSITIVE_INFINITY, T0 + MINUTE)).toEqual([key(waits)]);
    pending.endLongLeases(T0 + MINUTE + 1_000);
    // Who was asked a second ago has not failed to answer.
    expect(pending.shareFor(0).isFailing).toBe(false);
    expect(pending.lease(Number.POSITIVE_INFINITY, T0 + MINUTE + 1_000)).toEqual([key(waits)]);
    pending.endLongLeases(T0 + 3 * MINUTE);
    expect(pending.lease(Number.POSITIVE_INFINITY, T0 + 3 * MINUTE)).toEqual([key(waits)]);
    expect(pending.shareFor(0).isFailing).toBe(true);
  });

  it("that run out because one message got lost are no fault of the database's", () => {
    const { pending, put } = pendingSet();
    const [lost, written] = [put("ada", "film"), put("ada", "series")];
    pending.lease(Number.POSITIVE_INFINITY, T0);
    confirm(pending, written, T0 + 5_000);
    expect(pending.lease(Number.POSITIVE_INFINITY, T0 + MINUTE)).toEqual([key(lost)]);
    expect(pending.shareFor(0).isFailing).toBe(false);
  });

  it("are given back when the queue refuses, and the next one is no longer for it", () => {
    const { pending, put } = pendingSet();
    put("ada", "film");
    pending.unlease(pending.lease(Number.POSITIVE_INFINITY, T0));
    expect(pending.unleased).toBe(1);
    pending.lease(Number.POSITIVE_INFINITY, T0);
    expect(pending.unleased).toBe(0);
    expect(pending.nextDueMs()).toBe(T0 + MINUTE);
  });
});

describe("a user's pending records", () => {
  it("are never more than retention would keep: the oldest leaves, however they came", () => {
    const reports = fc.array(fc.record({ item: fc.nat(12), atMs: fc.nat(50) }), { maxLength: 80 });
    fc.assert(
      fc.property(reports, (given) => {
        const { pending, put } = pendingSet({ entriesPerUserMax: 5 });
        const newest = new Map<string, HistoryRecord>();
        for (const { item, atMs } of given) {
          const record = put("ada", `film-${item}`, { atMs });
          const known = newest.get(record.itemId);
          if (known === undefined || comparePositions(record, known) > 0) newest.set(record.itemId, record);
        }
        expect(pending.countOf("ada")).toBeLessThanOrEqual(5);
        // Whatever is among the newest five of all that was ever reported is there.
        const kept = [...newest.values()].sort((a, b) => comparePositions(b, a)).slice(0, 5);
        for (const record of kept) expect(pending.get(key(record))).toEqual(record);
      }),
    );
  });

  it("make room for an item that was deleted and is an entry again", () => {
    const { pending, put } = pendingSet({ entriesPerUserMax: 2 });
    const oldest = put("ada", "film", { atMs: T0 });
    put("ada", "series", { atMs: T0 + 1 });
    put("ada", "short", { atMs: T0 + 2, deleted: true });
    expect(pending.countOf("ada")).toBe(3);
    put("ada", "short", { atMs: T0 + 3 });
    expect([pending.entriesOf("ada"), pending.get(key(oldest))]).toEqual([2, undefined]);
  });

  it("are gone from every row that names them, also one of the release before that had been overtaken", () => {
    const { pending, rows, put } = pendingSet();
    const newer = put("ada", "film", { atMs: T0 + 1 });
    put("ada", "film", { atMs: T0 });
    confirm(pending, newer, T0);
    confirm(pending, { ...newer, rev: newer.rev + 1 }, T0);
    expect([pending.count, rows.goneUpTo]).toEqual([0, 2]);
  });

  it("are found by user, and cost no memory and no row when they are gone", () => {
    const { pending, rows, put } = pendingSet();
    const records = [put("ada", "film"), put("ada", "series"), put("bob", "film")];
    expect(pending.ofUser("ada")).toEqual(records.slice(0, 2));
    for (const record of records) confirm(pending, record, T0);
    expect([pending.count, pending.bytes, pending.storedBytes, pending.unleased]).toEqual([0, 0, 0, 0]);
    expect([pending.shareFor(0).bytes, pending.shareFor(1).count]).toEqual([0, 0]);
    rows.lowWater();
    expect([rows.liveCount, rows.liveBytes]).toEqual([0, 0]);
  });

  it("weigh what their parts weigh", () => {
    const { pending, put } = pendingSet();
    const one = put("ada", "film", { deviceId: "tv" });
    const [bytes, stored] = [pending.bytes, pending.storedBytes];
    const two = put("ada", "another film");
    expect([pending.bytes, pending.storedBytes]).toEqual([
      bytes + recordBytes(two),
      stored + storedBytes(two),
    ]);
    confirm(pending, two, T0);
    expect([pending.bytes, pending.storedBytes]).toEqual([bytes, stored]);
    pending.dropUser(one.userId);
    expect(pending.bytes).toBe(0);
  });
});

describe("a clock that was a month ahead for one reading", () => {
  it("keeps nothing waiting for a month", () => {
    const month = 30 * 24 * 60 * MINUTE;
    const { pending, put } = pendingSet();
    put("ada", "film", {}, T0 + month);
    const leased = put("ada", "series", {}, T0);
    pending.lease(T0, T0 + month);
    confirm(pending, leased, T0 + month);
    pending.clampTo(T0 + 1_000);
    expect(pending.nextDueMs()).toBeLessThanOrEqual(T0 + 1_000 + 10 * MINUTE);
    expect(pending.oldestMs()).toBeLessThanOrEqual(T0 + 1_000);
    // Nor is the confirmation of that moment taken for a later one.
    pending.lease(Number.POSITIVE_INFINITY, T0 + 1_000 + 10 * MINUTE);
    pending.lease(Number.POSITIVE_INFINITY, T0 + 1_000 + 30 * MINUTE);
    expect(pending.shareFor(0).isFailing).toBe(true);
  });
});
