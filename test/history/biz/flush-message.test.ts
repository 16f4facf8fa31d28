import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packFlushMessages, queueMessageSchema, unpackFlushMessage } from "../../../src/history/biz/flush-message.ts";
import { anyRecord, recordName } from "../../support/history-records.ts";

const keyOf = ({ userId, kind, itemId }: { userId: string; kind: string; itemId: string }) => ({ userId, kind, itemId });

describe("flush messages", () => {
  it("carry every key once, whole, and pass their own schema", () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyRecord.map(keyOf), { selector: recordName }), (keys) => {
        const messages = packFlushMessages(3, keys);
        for (const message of messages) expect(queueMessageSchema.parse(structuredClone(message))).toEqual(message);
        expect(messages.flatMap(unpackFlushMessage).map(recordName).sort()).toEqual(keys.map(recordName).sort());
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
});
