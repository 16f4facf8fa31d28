import { murmur2 as librarys } from "@platformatic/kafka";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { murmur2, partitionOfKey } from "../../../bridge/kafka-rest/murmur2.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

describe("murmur2", () => {
  // The vectors of Kafka's own tests (UtilsTest), which its client for Java is held to.
  it.each([
    ["21", -973_932_308],
    ["foobar", -790_332_482],
    ["a-little-bit-long-string", -985_981_536],
    ["a-little-bit-longer-string", -1_486_304_829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971],
    ["abc", 479_470_107],
  ])("of %s is what Kafka's is", (text, hash) => {
    expect(murmur2(bytes(text))).toBe(hash);
  });

  it("is what another implementation has, of any bytes, wherever they lie in their memory", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(5), (data, shift) => {
        const moved = Buffer.concat([Buffer.alloc(shift, 0xff), data]).subarray(shift);
        expect(murmur2(moved)).toBe(librarys(Buffer.from(data)));
      }),
    );
  });

  it("leads to a partition that is there, also where their number is no power of two", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 100 }), (key, count) => {
        const partition = partitionOfKey(key, count);
        expect(partition >= 0 && partition < count).toBe(true);
      }),
    );
    // -973932308 without its sign is 1173551340, and not 973932308.
    expect(partitionOfKey(bytes("21"), 7)).toBe(1_173_551_340 % 7);
  });
});
