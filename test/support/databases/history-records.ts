import fc from "fast-check";
import { PLAYBACK_EVENTS } from "../../../src/contracts/history.ts";
import type { HistoryRecord, RecordKey } from "../../../src/history/biz/record.ts";

/** Names a record among all records of a shard. */
export function recordName({ userId, kind, itemId }: RecordKey): string {
  return `${userId}/${kind}/${itemId}`;
}

/** A record with the given differences from a dull one. */
export function recordOf(more: Partial<HistoryRecord> = {}): HistoryRecord {
  return {
    userId: "ada",
    kind: "video",
    itemId: "m1",
    positionMs: 1_000,
    durationMs: null,
    event: "playing",
    deviceId: null,
    atMs: 1_700_000_000_000,
    rev: 1_700_000_000_000 * 1024,
    rawAtMs: null,
    watched: null,
    dismissed: false,
    deleted: false,
    ...more,
  };
}

/** Any record that a valid report, a mark or a deletion can become. */
export const anyRecord: fc.Arbitrary<HistoryRecord> = fc.record({
  userId: fc.uuid(),
  kind: fc.stringMatching(/^[a-z][a-z0-9_-]{0,15}$/),
  itemId: fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
  positionMs: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  durationMs: fc.option(fc.integer({ min: 0, max: 2 ** 31 - 1 })),
  event: fc.constantFrom(...PLAYBACK_EVENTS),
  deviceId: fc.option(fc.stringMatching(/^[\x21-\x7e]{1,64}$/)),
  atMs: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  rev: fc.integer({ min: 1, max: 2_000_000_000_000 * 1024 }),
  rawAtMs: fc.option(fc.integer({ min: 0, max: 2_000_000_000_000 })),
  watched: fc.option(fc.boolean()),
  dismissed: fc.boolean(),
  deleted: fc.boolean(),
});
