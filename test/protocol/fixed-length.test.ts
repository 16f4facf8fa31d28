import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FixedLengthDecoder } from "../../src/protocol/fixed-length-decoder.ts";
import { FixedLengthEncoder } from "../../src/protocol/fixed-length-encoder.ts";
import { outcomesOf } from "./support/outcomes.ts";
import { concat, latin1, piecesOf } from "./support/pieces.ts";

const decoded = (chunks: readonly Uint8Array[], frameLength = 3) =>
  outcomesOf(new FixedLengthDecoder({ frameLength }), chunks);

describe("frames of a fixed length", () => {
  it("are cut from bytes that stick together, and joined from those that are split", () => {
    expect(decoded([latin1("abcd"), latin1("e"), latin1("fghi")])).toEqual([
      "<616263>",
      "<646566>",
      "<676869>",
    ]);
  });

  it("end with an error where the stream ends within one", () => {
    expect(decoded([latin1("abcde")])).toEqual(["<616263>", "truncated"]);
    expect(decoded([])).toEqual([]);
  });

  it("are the same however the stream is cut", () => {
    const frame = fc.uint8Array({ minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), fc.integer({ min: 1, max: 20 }), (frames, size) => {
        const encoder = new FixedLengthEncoder({ frameLength: 5 });
        const stream = concat(frames.map((bytes) => encoder.encode(bytes)));
        expect(decoded(piecesOf(stream, size), 5)).toEqual(decoded(frames, 5));
        expect(decoded([stream], 5)).toHaveLength(frames.length);
      }),
    );
  });

  it("are refused by the encoder at any other length", () => {
    const encoder = new FixedLengthEncoder({ frameLength: 3 });
    expect(() => encoder.encode(latin1("ab"))).toThrow(
      "the length of the frame must be an integer in [3, 3], got 2",
    );
    expect(() => encoder.encode(latin1("abcd"))).toThrow(RangeError);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 31])("can't be %d bytes long", (frameLength) => {
    expect(() => new FixedLengthDecoder({ frameLength })).toThrow(
      "frameLength must be an integer in [1, 1073741824]",
    );
    expect(() => new FixedLengthEncoder({ frameLength })).toThrow(RangeError);
  });
});
