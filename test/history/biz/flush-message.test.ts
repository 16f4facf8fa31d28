import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  packFlushMessages,
  readQueueMessage,
  unpackFlushMessage,
} from "../../../src/history/biz/flush-message.ts";
import { readCollected } from "../../../src/history/biz/read-collected.ts";
import { anyRecord, recordName, recordOf } from "../../support/databases/history-records.ts";

const keyOf = ({ userId, kind, itemId }: { userId: string; kind: string; itemId: string }) => ({
  userId,
  kind,
  itemId,
});

describe("flush messages", () => {
  it("carry every key once, whole, and are read as they were written", () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyRecord.map(keyOf), { selector: recordName }), (keys) => {
        const messages = packFlushMessages(3, keys);
        for (const message of messages)
          expect(readQueueMessage(structuredClone(message))).toEqual({ message, badKeys: 0 });
        expect(messages.flatMap(unpackFlushMessage).map(recordName).sort()).toEqual(
          keys.map(recordName).sort(),
        );
      }),
    );
  });

  it("stay below 100 KB each, also for one user with very many items", () => {
    const keys = Array.from({ length: 20_000 }, (_, item) => ({
      userId: `user-${item % 3}`,
      kind: "video",
      itemId: `an-item-with-a-long-name-${item}`,
    }));
    const messages = packFlushMessages(0, keys);
    expect(messages.length).toBeGreaterThan(5);
    for (const message of messages) expect(JSON.stringify(message).length).toBeLessThanOrEqual(110_000);
    expect(messages.flatMap(unpackFlushMessage)).toHaveLength(20_000);
  });

  it("lose a bad key and no other, and say how many", () => {
    const users = [
      ["ada", ["video/m1", "video/", "m2", "VIDEO/m3", 7, null, "video/with space", "audio/m4", "video/a/b"]],
      ["not a user!", ["video/m5"]],
      ["eve"],
      null,
      ["bob", ["video/m6"]],
      ["carol", [{}]],
    ];
    const read = readQueueMessage({ type: "flush", shard: 0, users });
    expect(read?.badKeys).toBe(11);
    expect(read?.message).toEqual({
      type: "flush",
      shard: 0,
      users: [
        ["ada", ["video/m1", "audio/m4"]],
        ["bob", ["video/m6"]],
      ],
    });
  });

  it("carry what an earlier release stored under a name that no client may use any more", () => {
    const users = [["ada", ["video/.", "video/.."]]];
    expect(readQueueMessage({ type: "flush", shard: 0, users })).toEqual({
      message: { type: "flush", shard: 0, users },
      badKeys: 0,
    });
    const records = [".", ".."].map((itemId) => recordOf({ itemId }));
    expect(readCollected(records)).toEqual({ records, refused: [], nameless: 0 });
  });

  it.each([
    null,
    "flush",
    {},
    { type: "flush", shard: 0 },
    { type: "flush", shard: -1, users: [] },
    { type: "flush", shard: 4_096, users: [] },
    { type: "refill", shard: 0, userId: "" },
    { type: "other", shard: 0, users: [] },
  ])("are none of ours: %j", (body) => {
    expect(readQueueMessage(body)).toBeNull();
  });
});
