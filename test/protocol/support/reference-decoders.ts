import type { DelimiterDecoderOptions } from "../../../src/protocol/delimiter-decoder.ts";
import type { LengthFieldOptions } from "../../../src/protocol/length-field-decoder.ts";
import { hex } from "./outcomes.ts";

/*
 * What the decoders must give for a whole stream, written down as plainly as can be: nothing here
 * knows of chunks, and nothing is quick.
 */

export function referenceFixedLength(stream: Uint8Array, frameLength: number): readonly string[] {
  const outcomes: string[] = [];
  let at = 0;
  for (; at + frameLength <= stream.length; at += frameLength)
    outcomes.push(hex(stream.slice(at, at + frameLength)));
  return at < stream.length ? [...outcomes, "truncated"] : outcomes;
}

export function referenceDelimiter(stream: Uint8Array, options: DelimiterDecoderOptions): readonly string[] {
  const { maxFrameLength, stripDelimiter = true, failFast = true } = options;
  const delimiters = options.delimiters
    .map((bytes) => String.fromCharCode(...bytes))
    .toSorted((a, b) => b.length - a.length);
  const outcomes: string[] = [];
  let frame = "";
  for (const byte of stream) {
    frame += String.fromCharCode(byte);
    const delimiter = delimiters.find((candidate) => frame.endsWith(candidate));
    if (delimiter === undefined) continue;
    const content = frame.slice(0, -delimiter.length);
    const given = stripDelimiter ? content : frame;
    outcomes.push(
      content.length > maxFrameLength ? "too_long" : hex(new Uint8Array(Buffer.from(given, "latin1"))),
    );
    frame = "";
  }
  if (frame === "") return outcomes;
  const isSurelyTooLong = frame.length > maxFrameLength + (delimiters[0]?.length ?? 0) - 1;
  return failFast && isSurelyTooLong ? [...outcomes, "too_long", "truncated"] : [...outcomes, "truncated"];
}

export function referenceLengthField(stream: Uint8Array, options: LengthFieldOptions): readonly string[] {
  const {
    lengthFieldOffset = 0,
    lengthFieldLength,
    lengthAdjustment = 0,
    initialBytesToStrip = 0,
    minFrameLength = 0,
  } = options;
  const { magic = { offset: 0, bytes: new Uint8Array(0) } } = options;
  const outcomes: string[] = [];
  const fieldEnd = lengthFieldOffset + lengthFieldLength;
  const magicEnd = magic.offset + magic.bytes.length;
  let at = 0;
  while (at < stream.length) {
    const field = stream.slice(at + lengthFieldOffset, at + fieldEnd);
    if (field.length < lengthFieldLength) return [...outcomes, "truncated"];
    const value = BigInt(
      `0x${Buffer.from(options.endianness === "little" ? field.toReversed() : field).toString("hex")}`,
    );
    const isNegative = options.signed === true && BigInt.asIntN(8 * lengthFieldLength, value) < 0n;
    const length = value + BigInt(lengthAdjustment + fieldEnd);
    if (isNegative || length < BigInt(Math.max(minFrameLength, fieldEnd, initialBytesToStrip, magicEnd)))
      return [...outcomes, "corrupt"];
    const isCut = length > BigInt(stream.length - at);
    if (length > BigInt(options.maxFrameLength)) outcomes.push("too_long");
    else {
      const given = stream.slice(at + magic.offset, at + magicEnd);
      if (given.length === magic.bytes.length && hex(given) !== hex(magic.bytes))
        return [...outcomes, "corrupt"];
      if (!isCut) outcomes.push(hex(stream.slice(at + initialBytesToStrip, at + Number(length))));
    }
    if (isCut) return [...outcomes, "truncated"];
    at += Number(length);
  }
  return outcomes;
}
