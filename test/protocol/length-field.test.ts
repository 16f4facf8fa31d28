import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameError } from "../../src/protocol/frame-error.ts";
import { LengthFieldDecoder, type LengthFieldOptions } from "../../src/protocol/length-field-decoder.ts";
import { LengthFieldEncoder } from "../../src/protocol/length-field-encoder.ts";
import { hex, outcomesOf } from "./support/outcomes.ts";
import { concat, everySplit, fromHex, latin1, piecesOf } from "./support/pieces.ts";
import { referenceLengthField } from "./support/reference-decoders.ts";

const PREFIX = { maxFrameLength: 100, lengthFieldLength: 2 } as const;
const decoded = (options: LengthFieldOptions, chunks: readonly Uint8Array[]) =>
  outcomesOf(new LengthFieldDecoder(options), chunks);

/**
 * The seven examples in the documentation of Netty's LengthFieldBasedFrameDecoder, all with the
 * content "HELLO, WORLD".
 */
const CONTENT = hex(latin1("HELLO, WORLD")).slice(1, -1);
const NETTY: readonly [string, Omit<LengthFieldOptions, "maxFrameLength">, string, string][] = [
  ["2 bytes at 0, header kept", { lengthFieldLength: 2 }, `000c ${CONTENT}`, `000c ${CONTENT}`],
  [
    "2 bytes at 0, header stripped",
    { lengthFieldLength: 2, initialBytesToStrip: 2 },
    `000c ${CONTENT}`,
    CONTENT,
  ],
  [
    "the whole message's length",
    { lengthFieldLength: 2, lengthAdjustment: -2 },
    `000e ${CONTENT}`,
    `000e ${CONTENT}`,
  ],
  [
    "3 bytes at the end of a header of 5",
    { lengthFieldOffset: 2, lengthFieldLength: 3 },
    `cafe 00000c ${CONTENT}`,
    `cafe 00000c ${CONTENT}`,
  ],
  [
    "3 bytes at the start of it",
    { lengthFieldLength: 3, lengthAdjustment: 2 },
    `00000c cafe ${CONTENT}`,
    `00000c cafe ${CONTENT}`,
  ],
  [
    "2 bytes in the middle of 4, the first part stripped",
    { lengthFieldOffset: 1, lengthFieldLength: 2, lengthAdjustment: 1, initialBytesToStrip: 3 },
    `ca 000c fe ${CONTENT}`,
    `fe ${CONTENT}`,
  ],
  [
    "the same with the whole message's length",
    { lengthFieldOffset: 1, lengthFieldLength: 2, lengthAdjustment: -3, initialBytesToStrip: 3 },
    `ca 0010 fe ${CONTENT}`,
    `fe ${CONTENT}`,
  ],
];

describe("frames that tell their length", () => {
  it.each(NETTY)("are read as Netty's documentation shows them: %s", (_, options, stream, frame) => {
    const expected = hex(fromHex(frame));
    const twice = concat([fromHex(stream), fromHex(stream)]);
    for (const chunks of [...everySplit(twice), piecesOf(twice, 1)]) {
      expect(decoded({ maxFrameLength: 20, ...options }, chunks)).toEqual([expected, expected]);
    }
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "may have a length field of %d bytes, in either order",
    (lengthFieldLength) => {
      for (const endianness of ["big", "little"] as const) {
        const format = { lengthFieldLength, maxFrameLength: 70_000, endianness };
        const content = new Uint8Array(lengthFieldLength === 1 ? 200 : 60_000).fill(7);
        const bytes = new LengthFieldEncoder(format).encode(content);
        expect(decoded({ ...format, initialBytesToStrip: lengthFieldLength }, piecesOf(bytes, 999))).toEqual([
          hex(content),
        ]);
      }
    },
  );

  it("may be empty, and end nowhere but at their end", () => {
    expect(decoded(PREFIX, [fromHex("0000 0000")])).toEqual(["<0000>", "<0000>"]);
    expect(decoded(PREFIX, [fromHex("0000 00")])).toEqual(["<0000>", "truncated"]);
    expect(decoded(PREFIX, [fromHex("0002 61")])).toEqual(["truncated"]);
  });

  it("are views where they lie in one chunk, and have memory of their own where they don't", () => {
    const decoder = new LengthFieldDecoder(PREFIX);
    const chunk = fromHex("0001 61 0001 62 0001");
    decoder.write(chunk);
    expect(decoder.next()?.buffer).toBe(chunk.buffer);
    decoder.next();
    expect(decoder.next()).toBeNull();
    chunk.fill(0xff);
    decoder.write(fromHex("63 0001 64"));
    const [third, fourth] = [decoder.next(), decoder.next()];
    expect([third, fourth].map((frame) => frame && hex(frame))).toEqual(["<000163>", "<000164>"]);
  });

  it("are not written to again, be they short or long", () => {
    const frames = [3, 70, 80, 3, 3, 90].map((length, index) =>
      concat([Uint8Array.of(0, length), new Uint8Array(length).fill(index)]),
    );
    for (let size = 1; size < 100; size += 1)
      expect(decoded(PREFIX, piecesOf(concat(frames), size))).toEqual(frames.map(hex));
  });

  it("are plain byte arrays also where the chunk is a Buffer within a larger one", () => {
    const decoder = new LengthFieldDecoder(PREFIX);
    decoder.write(Buffer.from("ff000161ff", "hex").subarray(1, 4));
    expect(decoder.next()?.constructor).toBe(Uint8Array);
  });
});

describe("a malformed length", () => {
  it("that is too long is refused when the length is known, nothing of it is held, and the next frame is read", () => {
    for (const chunks of [
      ...everySplit(fromHex("0004 61626364 0001 65")),
      piecesOf(fromHex("0004 61626364 0001 65"), 1),
    ]) {
      expect(decoded({ lengthFieldLength: 2, maxFrameLength: 5 }, chunks)).toEqual(["too_long", "<000165>"]);
    }
    const decoder = new LengthFieldDecoder({ lengthFieldLength: 4, maxFrameLength: 1_000 });
    decoder.write(fromHex("7fffff"));
    expect(decoder.next()).toBeNull();
    decoder.write(fromHex("ff 00 00"));
    expect(() => decoder.next()).toThrow("a frame of 2147483651 bytes was announced, the longest has 1000");
    expect(decoder.next()).toBeNull();
    expect(decoder).toMatchObject({ buffered: 0, midFrame: true });
  });

  it.each([
    ["shorter than the header", { lengthFieldLength: 2, lengthAdjustment: -2 }, "0001"],
    ["shorter than the least", { lengthFieldLength: 2, minFrameLength: 5 }, "0002"],
    ["shorter than what is stripped", { lengthFieldLength: 2, initialBytesToStrip: 4 }, "0001"],
    ["negative", { lengthFieldLength: 4, signed: true, lengthAdjustment: 10 }, "ffffffff"],
    [
      "negative, of 8 bytes",
      { lengthFieldLength: 8, signed: true, lengthAdjustment: 10 },
      "ffffffffffffffff",
    ],
    ["negative, its last byte first", { lengthFieldLength: 2, signed: true, endianness: "little" }, "00ff"],
  ] as const)("that is %s ends the stream for good", (_, options, header) => {
    const decoder = new LengthFieldDecoder({ maxFrameLength: 2_000, ...options });
    const bytes = fromHex(header);
    decoder.write(bytes.slice(0, -1));
    expect(decoder.next()).toBeNull();
    decoder.write(concat([bytes.slice(-1), new Uint8Array(50)]));
    for (const step of [
      () => decoder.next(),
      () => decoder.next(),
      () => decoder.write(bytes),
      () => decoder.end(),
    ]) {
      expect(step).toThrow(expect.objectContaining({ name: "FrameError", fault: "corrupt" }));
    }
    expect(decoder.buffered).toBe(0);
  });

  it("of 8 bytes is too long and not rounded to one that fits", () => {
    expect(
      decoded({ lengthFieldLength: 8, maxFrameLength: 100, lengthAdjustment: -1 }, [
        fromHex("ffffffffffffffff 00"),
      ]),
    ).toEqual(["too_long", "truncated"]);
  });

  it("leaves the frames before it, each of them", () => {
    const chunk = fromHex("0001 61 0001 62 ffff");
    const decoder = new LengthFieldDecoder({ ...PREFIX, signed: true });
    decoder.write(chunk);
    expect([decoder.next(), decoder.next()].map((frame) => frame && hex(frame))).toEqual([
      "<000161>",
      "<000162>",
    ]);
    expect(() => decoder.next()).toThrow(FrameError);
  });
});

describe("magic bytes", () => {
  const options = { ...PREFIX, magic: { offset: 3, bytes: fromHex("beef") } };

  it("are looked for in every frame, wherever it is split", () => {
    const good = fromHex("0004 01 beef 02");
    for (const chunks of everySplit(concat([good, good])))
      expect(decoded(options, chunks)).toEqual([hex(good), hex(good)]);
    for (const chunks of everySplit(concat([good, fromHex("0004 01 bee0 02")])))
      expect(decoded(options, chunks)).toEqual([hex(good), "corrupt"]);
  });

  it("are refused before the body comes, and a frame that is too short for them at once", () => {
    const decoder = new LengthFieldDecoder(options);
    decoder.write(fromHex("0050 01 be00"));
    expect(() => decoder.next()).toThrow("a frame has other bytes at 3 than every frame must have");
    expect(decoder.buffered).toBe(0);
    expect(decoded(options, [fromHex("0002")])).toEqual(["corrupt"]);
  });
});

describe("any stream and any format", () => {
  const options = fc.record({
    lengthFieldOffset: fc.integer({ min: 0, max: 3 }),
    lengthFieldLength: fc.integer({ min: 1, max: 8 }),
    lengthAdjustment: fc.integer({ min: -6, max: 6 }),
    initialBytesToStrip: fc.integer({ min: 0, max: 12 }),
    endianness: fc.constantFrom("big", "little"),
    signed: fc.boolean(),
    maxFrameLength: fc.integer({ min: 12, max: 30 }),
  });

  it("give what the plainest decoder gives, however the stream is cut", () => {
    const byte = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
    );
    fc.assert(
      fc.property(
        options,
        fc.array(byte, { maxLength: 60 }),
        fc.integer({ min: 1, max: 60 }),
        (format, bytes, size) => {
          const stream = Uint8Array.from(bytes);
          expect(decoded(format, piecesOf(stream, size))).toEqual(referenceLengthField(stream, format));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("give back what was encoded", () => {
    const content = fc.uint8Array({ minLength: 9, maxLength: 18 });
    fc.assert(
      fc.property(
        options,
        fc.array(content, { maxLength: 8 }),
        fc.integer({ min: 1, max: 40 }),
        (format, frames, size) => {
          const roomy = { ...format, maxFrameLength: 30, initialBytesToStrip: 0 };
          const encoder = new LengthFieldEncoder(roomy);
          const encoded = frames.map((frame) => encoder.encode(frame.slice(0, 5), frame.slice(5)));
          const { lengthFieldOffset, lengthFieldLength } = roomy;
          expect(decoded(roomy, piecesOf(concat(encoded), size))).toEqual(encoded.map(hex));
          for (const [index, frame] of frames.entries()) {
            const bytes = encoded[index] ?? new Uint8Array(0);
            expect(
              concat([bytes.slice(0, lengthFieldOffset), bytes.slice(lengthFieldOffset + lengthFieldLength)]),
            ).toEqual(frame);
          }
        },
      ),
    );
  });
});

describe("the length field encoder", () => {
  it("refuses what a decoder of the same options would: a length that is negative when signed, a frame below the shortest", () => {
    const signed = { maxFrameLength: 250, lengthFieldLength: 1, signed: true };
    expect(() => new LengthFieldEncoder(signed).encode(new Uint8Array(128))).toThrow(
      "the length field's value must be an integer in [0, 127], got 128",
    );
    const decoder = new LengthFieldDecoder(signed);
    decoder.write(new LengthFieldEncoder(signed).encode(new Uint8Array(127)));
    expect(decoder.next()).toHaveLength(128);
    const short = new LengthFieldEncoder({ maxFrameLength: 250, lengthFieldLength: 1, minFrameLength: 10 });
    expect(() => short.encode(new Uint8Array(8))).toThrow(
      "the frame's length must be an integer in [10, 250], got 9",
    );
  });

  it("refuses what its decoder would not give back", () => {
    const encoder = new LengthFieldEncoder({
      maxFrameLength: 300,
      lengthFieldLength: 1,
      lengthFieldOffset: 2,
    });
    expect(() => encoder.encode(new Uint8Array(1))).toThrow(
      "the first part's length must be an integer in [2, 300], got 1",
    );
    expect(() => encoder.encode(new Uint8Array(258))).toThrow(
      "the length field's value must be an integer in [0, 255], got 256",
    );
    expect(() => encoder.encode(new Uint8Array(300))).toThrow(
      "the frame's length must be an integer in [1, 300], got 301",
    );
  });
});

describe("a format of which no frame could be valid", () => {
  it.each([
    [{ lengthFieldLength: 9 }, "lengthFieldLength must be an integer in [1, 8], got 9"],
    [{ maxFrameLength: 0 }, "maxFrameLength"],
    [{ lengthFieldOffset: 99 }, "lengthFieldOffset must be an integer in [0, 98], got 99"],
    [{ lengthAdjustment: 0.5 }, "lengthAdjustment"],
    [{ initialBytesToStrip: 101 }, "initialBytesToStrip"],
    [{ minFrameLength: 101 }, "minFrameLength"],
    [{ magic: { offset: 99, bytes: fromHex("beef") } }, "magic.offset"],
  ] as const)("is refused when it is built: %o", (wrong, message) => {
    expect(() => new LengthFieldDecoder({ ...PREFIX, ...wrong })).toThrow(message);
  });
});
