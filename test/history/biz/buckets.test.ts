import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bucketMapSchema,
  runsOf,
  spreadEvenly,
  type BucketMap,
} from "../../../src/history/biz/bucket-map.ts";
import { bucketOf, BUCKETS } from "../../../src/history/biz/buckets.ts";
import {
  BUCKETS_BEFORE,
  fingerprintOf,
  parseBucketRanges,
  RANGES_BEFORE,
  widened,
} from "../../../src/history/biz/buckets-of-before.ts";
import { databaseNumber, Placement } from "../../../src/history/biz/placement.ts";

const namesOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, number) => `HISTORY_DB_${number}`);
const idOf = (user: number): string => `018f0000-0000-7000-8000-${String(user).padStart(12, "0")}`;

describe("a bucket", () => {
  it("is a user's for good", () => {
    // Users' data lives where this says, so it may never change.
    expect([1, 2, 3].map((user) => bucketOf(idOf(user)))).toEqual([8_243, 8_295, 3_020]);
  });

  it("was, in the release before, the same but for its multiples of 1,024", () => {
    // What that release said of them.
    expect([1, 2, 3].map((user) => bucketOf(idOf(user)) % BUCKETS_BEFORE)).toEqual([51, 103, 972]);
  });
});

describe("the first map of a new platform", () => {
  it.each([1, 2, 3, 7, 100])("spreads buckets evenly over %i databases, neighbours together", (count) => {
    const map = spreadEvenly(namesOf(count));
    expect(bucketMapSchema.safeParse(map).success).toBe(true);
    expect(map.runs).toHaveLength(count);
    for (const [buckets] of map.runs) expect(Math.abs(buckets - BUCKETS / count)).toBeLessThan(1);
    expect(new Placement(map).databases).toEqual(Array.from({ length: count }, (_, number) => number));
  });

  it("spreads users evenly", () => {
    const placement = new Placement(spreadEvenly(namesOf(4)));
    const counts = new Map<number, number>();
    for (let user = 0; user < 100_000; user += 1) {
      const database = placement.databaseOf(idOf(user));
      counts.set(database, (counts.get(database) ?? 0) + 1);
    }
    expect(counts.size).toBe(4);
    for (const count of counts.values()) expect(Math.abs(count - 25_000)).toBeLessThan(1_000);
  });

  it("is none where no database is bound", () => {
    expect(() => spreadEvenly([])).toThrow("no history database is bound");
  });
});

describe("the map of the release before", () => {
  it("gives every bucket exactly one database", () => {
    const map = parseBucketRanges("0-511=0, 512-1023=1");
    expect(map).toHaveLength(BUCKETS_BEFORE);
    expect([map[0], map[511], map[512], map[1023]]).toEqual([0, 0, 1, 1]);
  });

  it.each([
    ["0-511=0", /bucket 512 is in no range/],
    ["0-1023=0,5-5=0", /bucket 5 is in two ranges/],
    ["0-1024=0", /must lie in 0-1023/],
    ["9-3=0", /must lie in 0-1023, in order/],
    ["all", /not of the form/],
  ])("refuses %s", (text, message) => {
    expect(() => parseBucketRanges(text)).toThrow(message);
  });

  it("has another fingerprint where it is another, however it is spelled", () => {
    const map = parseBucketRanges(RANGES_BEFORE);
    // It was stored by that release.
    expect(fingerprintOf(map)).toBe(2_989_177_614);
    expect(fingerprintOf(parseBucketRanges("512-1023=1, 0-511=0"))).toBe(2_989_177_614);
    expect(fingerprintOf(parseBucketRanges("0-510=0,511-1023=1"))).not.toBe(2_989_177_614);
  });

  it("moves nobody, whatever it was", () => {
    const anyMap = fc.array(fc.integer({ min: 0, max: 9 }), {
      minLength: BUCKETS_BEFORE,
      maxLength: BUCKETS_BEFORE,
    });
    fc.assert(
      fc.property(
        anyMap,
        fc.array(fc.oneof(fc.uuid(), fc.string({ minLength: 1 })), { minLength: 50 }),
        (before, users) => {
          const map = widened(before);
          expect(bucketMapSchema.safeParse(map).success).toBe(true);
          const placement = new Placement(map);
          for (const user of users)
            expect(placement.databaseOf(user)).toBe(before[bucketOf(user) % BUCKETS_BEFORE]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is stored in a few pairs, as its ranges were", () => {
    expect(widened(parseBucketRanges(RANGES_BEFORE)).runs).toHaveLength(32);
    expect(widened(parseBucketRanges("0-1023=4"))).toEqual({
      version: 1,
      databases: ["HISTORY_DB_4"],
      runs: [[BUCKETS, 0]],
    });
  });
});

describe("a stored map", () => {
  const valid = spreadEvenly(namesOf(2));
  it.each<[string, Partial<Record<keyof BucketMap, unknown>>]>([
    ["lacks a bucket", { runs: [[BUCKETS - 1, 0]] }],
    [
      "has one too many",
      {
        runs: [
          [BUCKETS, 0],
          [1, 1],
        ],
      },
    ],
    ["has a bucket in a database without a name", { runs: [[BUCKETS, 2]] }],
    [
      "has an empty run",
      {
        runs: [
          [BUCKETS, 0],
          [0, 1],
        ],
      },
    ],
    ["names what is no database", { databases: ["HISTORY_DB_0", "IDENTITY_DB"] }],
    ["has no version", { version: 0 }],
  ])("is refused where it %s", (_what, change) => {
    expect(bucketMapSchema.safeParse(valid).success).toBe(true);
    expect(bucketMapSchema.safeParse({ ...valid, ...change }).success).toBe(false);
  });

  it("says of every bucket what it was made from", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: BUCKETS, maxLength: BUCKETS }),
        (given) => {
          const read = runsOf(given).flatMap(([buckets, database]) =>
            Array.from({ length: buckets }, () => database),
          );
          expect(read).toEqual(given);
        },
      ),
      { numRuns: 5 },
    );
  });

  it("has the numbers of its databases' names, whatever their order", () => {
    const placement = new Placement({
      version: 3,
      databases: ["HISTORY_DB_US_12", "HISTORY_DB_US_3"],
      runs: [
        [BUCKETS / 2, 0],
        [BUCKETS / 2, 1],
      ],
    });
    expect([placement.version, placement.databases]).toEqual([3, [3, 12]]);
    expect(new Set(Array.from({ length: 100 }, (_, user) => placement.databaseOf(idOf(user))))).toEqual(
      new Set([12, 3]),
    );
    expect(() => databaseNumber("HISTORY_DB_X")).toThrow("names no database");
  });
});
