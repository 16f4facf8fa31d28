import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeReply } from "../../../bridge/redis-rest/encode-reply.ts";
import type { RedisReply } from "../../../bridge/redis-rest/redis-reply.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** What the text must mean, told the plainest way. */
function meaning(reply: RedisReply): unknown {
  if (reply === null) return null;
  if (typeof reply === "string") return Number(reply);
  if (reply instanceof Uint8Array) return Buffer.from(reply).toString("base64");
  if (reply instanceof Error) return Buffer.from(reply.message).toString("base64");
  return reply.map(meaning);
}

const { reply: anyReply } = fc.letrec<{ reply: RedisReply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.integer().map(String),
    fc.uint8Array({ maxLength: 40 }),
    fc.constant(bytes("OK")),
    fc.array(tie("reply"), { maxLength: 5 }),
  ),
}));

describe("encodeReply", () => {
  it("is JSON that means the reply, whatever bytes it has and however deep it lies", () => {
    fc.assert(
      fc.property(anyReply, (reply) => {
        const { result } = JSON.parse(encodeReply(reply, "base64", 1e6) ?? "") as { result: unknown };
        expect(result === "OK" ? bytes("OK") : result).toEqual(result === "OK" ? reply : meaning(reply));
      }),
    );
  });

  it("keeps the digits of integers of 64 bits", () => {
    expect(encodeReply(["9223372036854775807", "-1"], "base64", 100)).toBe(
      '{"result":[9223372036854775807,-1]}',
    );
  });

  it("leaves OK alone where it stands alone, and encodes it within an array", () => {
    expect(encodeReply(bytes("OK"), "base64", 100)).toBe('{"result":"OK"}');
    expect(encodeReply([bytes("OK")], "base64", 100)).toBe('{"result":["T0s="]}');
  });

  it("never encodes an error, and shows plain text where no encoding is asked for", () => {
    expect(encodeReply(new Error('ERR "x"\n'), "base64", 100)).toBe('{"error":"ERR \\"x\\"\\n"}');
    expect(encodeReply([bytes('"\n'), null], "plain", 100)).toBe('{"result":["\\"\\n",null]}');
  });

  it("makes no text longer than it may be", () => {
    expect(encodeReply(new Uint8Array(75), "base64", 102)).toHaveLength(102 + '{"result":}'.length);
    expect(encodeReply(new Uint8Array(76), "base64", 102)).toBeNull();
    expect(
      encodeReply(
        Array.from({ length: 50 }, () => null),
        "base64",
        102,
      ),
    ).toBeNull();
  });

  it("makes no plain text longer than it may be, whatever must be escaped in it", () => {
    for (const text of ["\0".repeat(30), '"'.repeat(60), "\\".repeat(60)])
      expect(encodeReply(bytes(text), "plain", 102)).toBeNull();
    for (const text of ["\0".repeat(16), '"'.repeat(50), "x".repeat(100)]) {
      expect(encodeReply(bytes(text), "plain", 102)?.length).toBeLessThanOrEqual(102 + '{"result":}'.length);
    }
  });
});
