import { DelimiterDecoder } from "../../../src/protocol/delimiter-decoder.ts";
import { DelimiterEncoder } from "../../../src/protocol/delimiter-encoder.ts";
import { FixedLengthDecoder } from "../../../src/protocol/fixed-length-decoder.ts";
import type { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { GoimDecoder } from "../../../src/protocol/goim-decoder.ts";
import { GoimEncoder } from "../../../src/protocol/goim-encoder.ts";
import { LengthFieldDecoder, type LengthFieldOptions } from "../../../src/protocol/length-field-decoder.ts";
import { LengthFieldEncoder } from "../../../src/protocol/length-field-encoder.ts";
import type { Dice } from "./dice.ts";
import { latin1 } from "./pieces.ts";
import { referenceDelimiter, referenceFixedLength, referenceLengthField } from "./reference-decoders.ts";

/** A decoder with its options, and how to make and judge streams for it. */
export interface FuzzCase {
  readonly kind: string;
  readonly build: () => FrameDecoder;
  readonly reference: (stream: Uint8Array) => readonly string[];
  /** A frame that the decoder would give back. */
  readonly frame: () => Uint8Array;
  /** Most bytes that may ever be held. */
  readonly heldMax: number;
}

const DELIMITERS: readonly (readonly string[])[] = [
  ["\n"],
  ["\r\n"],
  ["\n", "\r\n"],
  ["--"],
  ["END", ";"],
  ["aab", "\n", "\r\n"],
];

export function anyCase(dice: Dice): FuzzCase {
  return dice.pick([fixedLength, delimiter, lengthField, goim])(dice);
}

function fixedLength(dice: Dice): FuzzCase {
  const frameLength = dice.between(1, 40);
  return {
    kind: "fixed length",
    build: () => new FixedLengthDecoder({ frameLength }),
    reference: (stream) => referenceFixedLength(stream, frameLength),
    frame: () => dice.bytes(frameLength),
    heldMax: frameLength - 1,
  };
}

function delimiter(dice: Dice): FuzzCase {
  const options = {
    delimiters: dice.pick(DELIMITERS).map(latin1),
    maxFrameLength: dice.between(1, 80),
    stripDelimiter: dice.chance(0.5),
    failFast: dice.chance(0.5),
  };
  const encoder = new DelimiterEncoder(options);
  const longest = Math.max(...options.delimiters.map(({ length }) => length));
  return {
    kind: "delimiter",
    build: () => new DelimiterDecoder(options),
    reference: (stream) => referenceDelimiter(stream, options),
    // None of the letters is part of a delimiter.
    frame: () =>
      encoder.encode(
        new Uint8Array(dice.between(0, options.maxFrameLength)).fill(dice.pick([0x78, 0x79, 0x7a])),
      ),
    heldMax: options.maxFrameLength + longest - 1,
  };
}

function lengthField(dice: Dice): FuzzCase {
  const format = {
    maxFrameLength: dice.between(30, 120),
    lengthFieldOffset: dice.between(0, 5),
    lengthFieldLength: dice.between(1, 8),
    lengthAdjustment: dice.between(-8, 8),
    endianness: dice.pick(["big", "little"] as const),
  };
  return lengthFieldCase("length field", dice, {
    ...format,
    initialBytesToStrip: dice.chance(0.5) ? dice.between(0, 20) : 0,
    signed: dice.chance(0.5),
    minFrameLength: dice.between(0, 20),
  });
}

/**
 * The goim decoder, its packets written as bytes again; with short bodies, so that a stream holds
 * many.
 */
function goim(dice: Dice): FuzzCase {
  const options = {
    maxFrameLength: 64,
    lengthFieldLength: 4,
    lengthAdjustment: -4,
    signed: true,
    minFrameLength: 16,
    magic: { offset: 4, bytes: Uint8Array.of(0, 16) },
  };
  return {
    ...lengthFieldCase("goim", dice, options),
    build: () => asFrames(new GoimDecoder({ maxBodyLength: 48 })),
  };
}

function asFrames(decoder: GoimDecoder): FrameDecoder {
  const encoder = new GoimEncoder();
  return {
    write: (chunk) => decoder.write(chunk),
    next: () => {
      const packet = decoder.next();
      return packet && encoder.encode(packet);
    },
    end: () => decoder.end(),
    get midFrame() {
      return decoder.midFrame;
    },
    get buffered() {
      return decoder.buffered;
    },
  };
}

function lengthFieldCase(kind: string, dice: Dice, options: LengthFieldOptions): FuzzCase {
  const encoder = new LengthFieldEncoder(options);
  const { maxFrameLength, lengthFieldLength, magic } = options;
  return {
    kind,
    build: () => new LengthFieldDecoder(options),
    reference: (stream) => referenceLengthField(stream, options),
    frame: () => {
      const content = dice.bytes(dice.between(20, maxFrameLength - lengthFieldLength));
      if (magic !== undefined) content.set(magic.bytes, magic.offset - lengthFieldLength);
      return encoder.encode(content);
    },
    heldMax: maxFrameLength - 1,
  };
}
