import fc from "fast-check";
import * as z from "zod";
import { describe, expect, it } from "vitest";
import {
  bodyOf,
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

/** What a job of release 0.1, which knew no cells, took for a message of its own. */
const readBefore = z.discriminatedUnion("type", [
  z.object({ type: z.literal("flush"), shard: z.int().min(0).max(4_095), users: z.array(z.unknown()) }),
  z.object({ type: z.literal("refill"), shard: z.int().min(0).max(4_095), userId: z.string() }),
]);

const anyUserId = fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/);

describe("messages of a cell", () => {
  const messages = [
    { type: "flush", shard: 3, users: [["ada", ["video/m1"]]] },
    { type: "refill", shard: 3, userId: "ada" },
  ] as const;

  it("say it, and are read as they were sent", () => {
    for (const message of messages)
      expect(readQueueMessage(bodyOf(message, "us"))).toEqual({
        message: { ...message, cell: "us" },
        badKeys: 0,
      });
  });

  it("can't be read by a job from before there were cells, which would ask main's shard", () => {
    for (const message of messages) {
      expect(readBefore.safeParse(bodyOf(message, "us")).success).toBe(false);
      expect(readBefore.safeParse(bodyOf(message, "main")).success).toBe(true);
    }
  });

  it("are in main what they were before", () => {
    for (const message of messages) {
      expect(bodyOf(message, "main")).toEqual(message);
      expect(readQueueMessage(message)).toEqual({ message, badKeys: 0 });
    }
  });

  it.each(["main-3", "shard-3", "us-4096", "us", "US-3", 3.5, null])("name no shard by %j", (shard) => {
    expect(readQueueMessage({ type: "refill", shard, userId: "ada" })).toBeNull();
  });
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

  it("carry each user whose state is to be written once, beside keys or alone", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyRecord.map(keyOf), { selector: recordName, maxLength: 3 }),
        fc.uniqueArray(anyUserId),
        (keys, states) => {
          const messages = packFlushMessages(3, keys, states);
          for (const message of messages)
            expect(readQueueMessage(structuredClone(message))).toEqual({ message, badKeys: 0 });
          expect(messages.flatMap((message) => message.states ?? [])).toEqual(states);
          expect(messages.flatMap(unpackFlushMessage)).toHaveLength(keys.length);
          expect(messages.length).toBe(keys.length + states.length === 0 ? 0 : 1);
        },
      ),
    );
  });

  it("stay below 100 KB each, however many states there are", () => {
    const states = Array.from({ length: 5_000 }, (_, user) => `${"u".repeat(58)}${user}`);
    const keys = states.map((userId) => ({ userId, kind: "video", itemId: "m1" }));
    const messages = packFlushMessages(0, keys, states);
    expect(messages.length).toBeGreaterThan(7);
    for (const message of messages) expect(JSON.stringify(message).length).toBeLessThanOrEqual(110_000);
    expect(messages.flatMap((message) => message.states ?? [])).toEqual(states);
    expect(messages.flatMap(unpackFlushMessage)).toHaveLength(5_000);
  });

  it("are what they were in the release before where there are no states, and its job passes over them", () => {
    const keys = [{ userId: "ada", kind: "video", itemId: "m1" }];
    const plain = { type: "flush", shard: 0, users: [["ada", ["video/m1"]]] };
    expect(JSON.stringify(packFlushMessages(0, keys))).toBe(JSON.stringify([plain]));
    const [message] = packFlushMessages(0, keys, ["ada", "bob"]);
    expect(message).toEqual({ ...plain, states: ["ada", "bob"] });
    expect(readBefore.parse(message)).toEqual(plain);
    const [alone] = packFlushMessages(0, [], ["bob"]);
    expect(readBefore.parse(alone)).toEqual({ ...plain, users: [] });
  });

  it("lose a bad user among the states and no other, and say how many", () => {
    const message = { type: "flush", shard: 0, users: [["ada", ["video/m1"]]] };
    expect(readQueueMessage({ ...message, states: ["ada", "not a user!", 7, null, "bob", ["eve"]] })).toEqual(
      {
        message: { ...message, states: ["ada", "bob"] },
        badKeys: 4,
      },
    );
    for (const states of [null, "ada", { ada: 1 }, [7]])
      expect(readQueueMessage({ ...message, states })).toEqual({ message, badKeys: 1 });
    expect(readQueueMessage({ ...message, states: [] })).toEqual({ message, badKeys: 0 });
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

  it("ask for records that a shard of the release before gives without what it doesn't know", () => {
    const { rawAtMs, watched, dismissed, deleted, ...known } = recordOf();
    expect({ rawAtMs, watched, dismissed, deleted }).not.toEqual({});
    const { records } = readCollected([{ ...known, later: "kept" }]);
    expect(records).toEqual([{ ...recordOf(), later: "kept" }]);
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
