import { describe, expect, it } from "vitest";
import {
  readQueueMessage,
  unpackFlushMessage,
  type FlushMessage,
} from "../../src/history/biz/flush-message.ts";
import type { HistoryRecord } from "../../src/history/biz/record.ts";
import { recordSchema } from "../../src/history/biz/record-schema.ts";
import { isElsewhere } from "../../src/history/biz/shard-mapping.ts";
import { readStoredMapping, ShardFacts } from "../../src/history/data/shard-facts.ts";
import { fromTomorrow } from "../support/golden/from-tomorrow.ts";
import { readGoldenRecords } from "../fixtures/golden/golden-records.ts";

const records = readGoldenRecords();
const calls = records
  .filter((record) => record.kind === "call")
  .filter(({ worker }) => worker === "playhead-history");
const messages = records
  .filter((record) => record.kind === "message")
  .filter(({ queue }) => queue === "playhead-history-flush");

function kvOf(stored: Readonly<Record<string, unknown>>) {
  const kept = new Map(Object.entries(stored));
  return {
    get: (key: string) => kept.get(key),
    put: (key: string, value: unknown) => void kept.set(key, value),
  };
}

describe("messages of the release before", () => {
  it("are read as what they are: keys of a shard, and a user to be loaded", () => {
    const flushes = messages.filter(({ body }) => (body as { type: string }).type === "flush");
    expect(flushes.length).toBeGreaterThan(1);
    for (const { body } of flushes) {
      expect(readQueueMessage(body)).toMatchObject({ message: body as object, badKeys: 0 });
      const { users } = body as FlushMessage;
      const names = unpackFlushMessage(body as FlushMessage).map(
        ({ userId, kind, itemId }) => `${userId} ${kind}/${itemId}`,
      );
      expect(names).toEqual(users.flatMap(([userId, items]) => items.map((item) => `${userId} ${item}`)));
    }
    const refills = messages.filter(({ body }) => (body as { type: string }).type === "refill");
    expect(refills.map(({ body }) => readQueueMessage(body))).toEqual(
      refills.map(({ body }) => ({ message: body, badKeys: 0 })),
    );
    expect(refills).not.toEqual([]);
  });
});

describe("what an object of the release before has stored beside its log", () => {
  const ofShard = calls.filter(({ target, stored }) => target === "HistoryShard" && stored !== undefined);

  it("is its number and the mapping it goes by", () => {
    expect(ofShard.length).toBeGreaterThan(10);
    for (const { stored = {} } of ofShard) {
      const facts = new ShardFacts(kvOf(stored), undefined);
      expect([facts.shard, facts.isFromBefore]).toEqual([stored["shard"], false]);
      // None has been learned by one that was asked for the first time.
      expect(facts.readMapping()).toEqual(stored["mapping"] ?? null);
    }
  });

  it("is the mapping of all, in the object that keeps it", () => {
    const keepers = calls.filter(({ target }) => target === "HistoryMapping");
    expect(keepers).not.toEqual([]);
    for (const { stored = {} } of keepers)
      expect(readStoredMapping(kvOf(stored), "main")).toMatchObject(stored["mapping"] as object);
  });
});

describe("what a shard of the release before answers", () => {
  it("is records that the job can write", () => {
    const collected = calls.filter(({ method }) => method === "collect").flatMap(({ answer }) => answer);
    expect(collected.length).toBeGreaterThan(2);
    for (const record of collected as readonly HistoryRecord[])
      expect(recordSchema.parse(record)).toMatchObject(record);
  });

  it("sends whoever goes by another mapping elsewhere", () => {
    const elsewhere = calls.filter(({ answer }) => isElsewhere(answer));
    expect(elsewhere.map(({ answer }) => answer)).toContainEqual({ elsewhere: { version: 1, shards: 4 } });
  });
});

describe("messages of a later release", () => {
  it("are read as what they are where they say more than is known here", () => {
    expect(messages.length).toBeGreaterThan(2);
    for (const { body } of messages) {
      const known = readQueueMessage(body);
      expect(readQueueMessage(fromTomorrow(body))).toEqual(known);
    }
  });

  it("are no message of ours where their type is not known: the consumer says so", () => {
    const [message] = messages;
    expect(readQueueMessage(message?.body)).not.toBeNull();
    const later = { ...(message?.body as object), type: "flush later" };
    expect(readQueueMessage(later)).toBeNull();
  });
});

describe("a mapping of a later release", () => {
  it("is read as far as it is known", () => {
    const mapping = { version: 3, shards: 8, buckets: 7 };
    expect(readStoredMapping(kvOf({ mapping: fromTomorrow(mapping) }), "main")).toMatchObject(mapping);
  });
});
