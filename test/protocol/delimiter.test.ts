import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DelimiterDecoder, type DelimiterDecoderOptions } from "../../src/protocol/delimiter-decoder.ts";
import { DelimiterEncoder } from "../../src/protocol/delimiter-encoder.ts";
import { FrameError } from "../../src/protocol/frame-error.ts";
import { hex, outcomesOf } from "./support/outcomes.ts";
import { concat, everySplit, latin1, piecesOf } from "./support/pieces.ts";
import { referenceDelimiter } from "./support/reference-decoders.ts";

const LF = latin1("\n");
const CRLF = latin1("\r\n");
const lines = (text: readonly string[]) => text.map((line) => hex(latin1(line)));

function decoded(
  chunks: readonly Uint8Array[],
  options: Partial<DelimiterDecoderOptions> = {},
): readonly string[] {
  return outcomesOf(new DelimiterDecoder({ delimiters: [LF, CRLF], maxFrameLength: 5, ...options }), chunks);
}

describe("frames that end with a delimiter", () => {
  it("are found wherever the stream is split, also within the delimiter", () => {
    const stream = latin1("one\r\n\r\ntwo\nthree\r\n");
    for (const chunks of [...everySplit(stream), piecesOf(stream, 1)]) {
      expect(decoded(chunks)).toEqual(lines(["one", "", "two", "three"]));
      expect(decoded(chunks, { delimiters: [CRLF], maxFrameLength: 9 })).toEqual(
        lines(["one", "", "two\nthree"]),
      );
    }
  });

  it("keep their delimiter where that is asked for", () => {
    expect(decoded([latin1("a\r"), latin1("\nb\n")], { stripDelimiter: false })).toEqual(
      lines(["a\r\n", "b\n"]),
    );
  });

  it("end with the delimiter that ends first, and with the longest of those that end together", () => {
    const delimiters = ["END", ";", "\n", "\r\n"].map(latin1);
    expect(decoded([latin1("aENDb;c\r\nd\n")], { delimiters })).toEqual(lines(["a", "b", "c", "d"]));
  });

  it("begin after the delimiter before, of which no byte counts twice", () => {
    for (const chunks of everySplit(latin1("a---b--")))
      expect(decoded(chunks, { delimiters: [latin1("--")] })).toEqual(lines(["a", "-b"]));
  });

  it("may be as long as the limit, their delimiter not counted", () => {
    for (const chunks of everySplit(latin1("12345\r\n12345\n")))
      expect(decoded(chunks)).toEqual(lines(["12345", "12345"]));
  });

  it("end with an error where the stream ends within one", () => {
    expect(decoded([latin1("a\nb")])).toEqual([...lines(["a"]), "truncated"]);
    expect(decoded([latin1("a\nb\r")])).toEqual([...lines(["a"]), "truncated"]);
  });
});

describe("a frame without an end", () => {
  it("is refused when it passes the limit, and what follows its delimiter is read", () => {
    for (const chunks of [
      ...everySplit(latin1("1234567890\nok\n")),
      piecesOf(latin1("1234567890\nok\n"), 1),
    ]) {
      expect(decoded(chunks)).toEqual(["too_long", ...lines(["ok"])]);
    }
  });

  it("is refused before the byte that is too many is held", () => {
    const decoder = new DelimiterDecoder({ delimiters: [CRLF], maxFrameLength: 5 });
    decoder.write(latin1("123456"));
    expect(decoder.next()).toBeNull();
    expect(decoder.buffered).toBe(6);
    decoder.write(new Uint8Array(100_000).fill(0x41));
    expect(() => decoder.next()).toThrow(FrameError);
    expect(decoder.next()).toBeNull();
    expect(decoder).toMatchObject({ buffered: 1, midFrame: true });
  });

  it("is told at its end where failing late is asked for, once in any case", () => {
    const decoder = new DelimiterDecoder({ delimiters: [CRLF], maxFrameLength: 5, failFast: false });
    decoder.write(latin1("1234567890\r"));
    expect(decoder.next()).toBeNull();
    decoder.write(latin1("1234567890"));
    expect(decoder.next()).toBeNull();
    decoder.write(latin1("\r\nok\r\n"));
    expect(() => decoder.next()).toThrow("a frame has more than 5 bytes");
    expect(decoder.next()).toEqual(latin1("ok"));
  });

  it("is truncated where it never ends", () => {
    expect(decoded([latin1("1234567890")])).toEqual(["too_long", "truncated"]);
    expect(decoded([latin1("1234567890")], { failFast: false })).toEqual(["truncated"]);
  });
});

describe("any stream and any delimiters", () => {
  const letters = fc.stringMatching(/^[ab\n]{1,3}$/).map(latin1);

  it("give what the plainest decoder gives, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.record({
          delimiters: fc.array(letters, { minLength: 1, maxLength: 3 }).filter(areFindable),
          maxFrameLength: fc.integer({ min: 1, max: 8 }),
          stripDelimiter: fc.boolean(),
          failFast: fc.boolean(),
        }),
        fc.stringMatching(/^[abc\n]{0,40}$/).map(latin1),
        fc.integer({ min: 1, max: 45 }),
        (options, stream, size) => {
          expect(decoded(piecesOf(stream, size), options)).toEqual(referenceDelimiter(stream, options));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("give back what was encoded", () => {
    const text = fc.stringMatching(/^[ab\n\r]{0,12}$/).map(latin1);
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), fc.integer({ min: 1, max: 20 }), (frames, size) => {
        const options = { delimiters: [CRLF, latin1(";")], maxFrameLength: 12 };
        const encoder = new DelimiterEncoder(options);
        const encodable = frames.filter((frame) => !latin1Of(frame).includes("\r\n"));
        const stream = concat(encodable.map((frame) => encoder.encode(frame)));
        expect(decoded(piecesOf(stream, size), options)).toEqual(encodable.map(hex));
      }),
    );
  });
});

describe("the delimiter encoder", () => {
  it("refuses a frame whose end would be taken for the beginning of a longer delimiter", () => {
    const lines = { delimiters: ["\n", "\r\n"].map(latin1), maxFrameLength: 10 };
    expect(() => new DelimiterEncoder(lines).encode(latin1("a\r"))).toThrow("a longer delimiter");
    expect(new DelimiterEncoder(lines).encode(latin1("a"))).toEqual(latin1("a\n"));
    const crlf = { ...lines, delimiters: lines.delimiters.toReversed() };
    const decoder = new DelimiterDecoder(crlf);
    decoder.write(new DelimiterEncoder(crlf).encode(latin1("a\r")));
    expect(decoder.next()).toEqual(latin1("a\r"));
  });

  const encoder = new DelimiterEncoder({ delimiters: [CRLF, LF], maxFrameLength: 10 });

  it("refuses a frame that would be read as two, also together with the delimiter itself", () => {
    expect(() => encoder.encode(latin1("GET a\nDEL b"))).toThrow(RangeError);
    expect(() => encoder.encode(latin1("GET a\n"))).toThrow("the frame holds a delimiter");
    const dashes = new DelimiterEncoder({ delimiters: [latin1("--")], maxFrameLength: 10 });
    expect(() => dashes.encode(latin1("a-"))).toThrow("the frame holds a delimiter");
  });

  it("refuses a frame that is too long", () => {
    expect(() => encoder.encode(latin1("12345678901"))).toThrow(
      "the frame's length must be an integer in [0, 10], got 11",
    );
  });
});

describe("delimiters", () => {
  it.each([
    ["none", [], "the number of delimiters"],
    ["an empty one", [""], "a delimiter's length must be an integer in [1, 64], got 0"],
    ["one of 65 bytes", ["x".repeat(65)], "a delimiter's length"],
    ["one whose beginning is another", ["\r", "\r\n"], "holds another one before its end"],
    ["one with another in its middle", ["a;b", ";"], "holds another one before its end"],
  ])("can't be %s", (_, texts, message) => {
    expect(() => new DelimiterDecoder({ delimiters: texts.map(latin1), maxFrameLength: 5 })).toThrow(message);
    expect(() => new DelimiterEncoder({ delimiters: texts.map(latin1), maxFrameLength: 5 })).toThrow(message);
  });
});

function areFindable(delimiters: readonly Uint8Array[]): boolean {
  const texts = delimiters.map(latin1Of);
  return texts.every((text) => texts.every((other) => !text.slice(0, -1).includes(other)));
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
