import { describe, expect, it } from "vitest";
import { DelimiterDecoder } from "../../src/protocol/delimiter-decoder.ts";
import type { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { FixedLengthDecoder } from "../../src/protocol/fixed-length-decoder.ts";
import { FrameInput } from "../../src/protocol/frame-input.ts";
import { LengthFieldDecoder } from "../../src/protocol/length-field-decoder.ts";
import { collectGarbage } from "./support/collect-garbage.ts";
import { latin1 } from "./support/pieces.ts";

const MEGABYTE = 2 ** 20;
const DECODERS: readonly [string, () => FrameDecoder][] = [
  ["fixed length", () => new FixedLengthDecoder({ frameLength: MEGABYTE })],
  ["delimiter", () => new DelimiterDecoder({ delimiters: [latin1("\n")], maxFrameLength: MEGABYTE })],
  ["length field", () => new LengthFieldDecoder({ lengthFieldLength: 4, maxFrameLength: MEGABYTE })],
];

/** The first bytes of a frame of nearly a megabyte. */
const announcement = (): Uint8Array => Uint8Array.of(0, 0x0e, 0xff, 0xff, 0x41);

async function arrayBytes(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

describe.each(DECODERS)("the memory of a %s decoder", (_, build) => {
  it("grows with what was sent and not with what was announced", async () => {
    const before = await arrayBytes();
    const decoders = Array.from({ length: 2_000 }, build);
    for (const decoder of decoders) {
      decoder.write(announcement());
      expect(decoder.next()).toBeNull();
    }
    expect(decoders.every(({ midFrame, buffered }) => midFrame && buffered === 5)).toBe(true);
    expect((await arrayBytes()) - before).toBeLessThan(2_000 * 1_000);
  });

  it("is at most twice of what was sent", async () => {
    const decoder = build();
    decoder.write(announcement());
    decoder.next();
    const before = await arrayBytes();
    const piece = new Uint8Array(100_000).fill(0x41);
    decoder.write(piece);
    decoder.next();
    // The piece itself is counted too.
    expect((await arrayBytes()) - before).toBeLessThan(3 * 101_000);
    expect(decoder.buffered).toBe(100_005);
  });
});

describe("what is held", () => {
  it("moves only when it doubles, so that a byte is copied twice and not a thousand times", () => {
    const input = new FrameInput();
    const memories = new Set<Uint8Array>();
    for (let length = 1; length <= 16_384; length += 1) {
      input.write(Uint8Array.of(1));
      input.hold(length, MEGABYTE);
      memories.add(input.held);
    }
    expect(input.heldLength).toBe(16_384);
    expect(memories.size).toBeLessThan(20);
  });
});

describe("a decoder", () => {
  it("lets go of a chunk once its frames are read", async () => {
    const decoder = new FixedLengthDecoder({ frameLength: 10 });
    let chunk: Uint8Array | null = new Uint8Array(25);
    const reference = new WeakRef(chunk);
    decoder.write(chunk);
    while (decoder.next() !== null);
    chunk = null;
    await collectGarbage();
    expect(reference.deref()).toBeUndefined();
    expect(decoder.buffered).toBe(5);
  });

  it("refuses bytes, or the end, before what it was given is read: they would be lost", () => {
    const decoder = new FixedLengthDecoder({ frameLength: 1 });
    decoder.write(latin1("ab"));
    decoder.next();
    expect(() => decoder.write(latin1("c"))).toThrow("before all frames of the last one were read");
    expect(() => decoder.end()).toThrow("before all its frames were read");
    expect(decoder.next()).toEqual(latin1("b"));
  });
});
