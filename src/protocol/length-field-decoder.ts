import type { FrameDecoder } from "./frame-decoder.ts";
import { FrameError } from "./frame-error.ts";
import { FrameInput } from "./frame-input.ts";
import { FRAME_LENGTH_MAX, requireLength } from "./require-length.ts";

/** How a protocol says the length of its frames. All numbers are bytes; the names are Netty's. */
export interface LengthFieldFormat {
  /** The length of the longest whole frame, header included, an integer in [1, 2^30]. */
  readonly maxFrameLength: number;
  /** Where the length field begins; 0 if absent. */
  readonly lengthFieldOffset?: number;
  /** The size of the length field, in [1, 8]. */
  readonly lengthFieldLength: number;
  /**
   * What is added to the field's value to get the number of bytes that follow the field; 0 if
   * absent.
   */
  readonly lengthAdjustment?: number;
  /** The order of the field's bytes; "big" if absent. */
  readonly endianness?: "big" | "little";
  /** Whether the field is a signed number, of which a negative one is corrupt; false if absent. */
  readonly signed?: boolean;
  /** Below this length a frame is corrupt. It is never less than what the other options need. */
  readonly minFrameLength?: number;
}

export interface LengthFieldOptions extends LengthFieldFormat {
  /** How many bytes to cut from the front of each frame; 0 if absent. */
  readonly initialBytesToStrip?: number;
  /** Bytes that stand in every frame: any others are corrupt, and seen as soon as they come. */
  readonly magic?: { readonly offset: number; readonly bytes: Uint8Array };
}

const NO_MAGIC = { offset: 0, bytes: new Uint8Array(0) };

/**
 * Frames that begin with a header which tells their length (Netty's LengthFieldBasedFrameDecoder):
 * from the frame's start to the end of the length field, and then the field's value +
 * lengthAdjustment bytes more.
 *
 * 1. A length is judged when its last byte comes, the magic likewise: a malformed frame is refused
 *    before its body is held.
 * 2. The bytes of a frame that is too long are counted off and forgotten; a corrupt one ends it
 *    all, since nothing tells where the next begins. (Netty skips the header and takes what follows
 *    for another one.)
 */
export class LengthFieldDecoder implements FrameDecoder {
  readonly #fieldOffset: number;
  readonly #fieldEnd: number;
  readonly #adjustment: number;
  readonly #strip: number;
  readonly #littleEndian: boolean;
  readonly #signed: boolean;
  readonly #min: number;
  readonly #max: number;
  readonly #magic: Uint8Array;
  readonly #magicOffset: number;
  readonly #magicEnd: number;
  readonly #input = new FrameInput();
  /** Length of the frame that is held in part; 0 while it isn't known. */
  #frameLength = 0;
  #magicSeen = false;
  /** Bytes still to come of a frame that was refused. */
  #skipping = 0;

  /**
   * @throws RangeError for an option out of range, or for options of which no frame could be valid
   */
  constructor(options: LengthFieldOptions) {
    const {
      maxFrameLength,
      lengthFieldOffset = 0,
      lengthFieldLength,
      lengthAdjustment = 0,
      initialBytesToStrip = 0,
    } = options;
    const { magic = NO_MAGIC, minFrameLength = 0 } = options;
    requireLength("maxFrameLength", maxFrameLength, 1, FRAME_LENGTH_MAX);
    requireLength("lengthFieldLength", lengthFieldLength, 1, Math.min(8, maxFrameLength));
    requireLength("lengthFieldOffset", lengthFieldOffset, 0, maxFrameLength - lengthFieldLength);
    requireLength("lengthAdjustment", lengthAdjustment, -FRAME_LENGTH_MAX, FRAME_LENGTH_MAX);
    requireLength("initialBytesToStrip", initialBytesToStrip, 0, maxFrameLength);
    requireLength("magic.offset", magic.offset, 0, maxFrameLength - magic.bytes.length);
    requireLength("minFrameLength", minFrameLength, 0, maxFrameLength);
    this.#fieldOffset = lengthFieldOffset;
    this.#fieldEnd = lengthFieldOffset + lengthFieldLength;
    this.#adjustment = lengthAdjustment;
    this.#strip = initialBytesToStrip;
    this.#littleEndian = options.endianness === "little";
    this.#signed = options.signed ?? false;
    this.#magic = magic.bytes.slice();
    this.#magicOffset = magic.offset;
    this.#magicEnd = magic.offset + magic.bytes.length;
    this.#min = Math.max(minFrameLength, this.#fieldEnd, this.#strip, this.#magicEnd);
    this.#max = maxFrameLength;
  }

  get midFrame(): boolean {
    return this.#skipping > 0 || this.#input.heldLength > 0;
  }

  get buffered(): number {
    return this.#input.heldLength;
  }

  write(chunk: Uint8Array): void {
    this.#input.write(chunk);
  }

  next(): Uint8Array | null {
    const input = this.#input;
    input.throwIfCorrupt();
    if (this.#skipping > 0 && !this.#skip()) return null;
    const { at, chunk } = input;
    const available = chunk.length - at;
    if (input.heldLength > 0 || available < this.#fieldEnd) return this.#assemble();
    const frameLength = this.#measure(chunk, at);
    if (frameLength > available) return this.#assemble();
    this.#checkMagic(chunk, at);
    input.at = at + frameLength;
    return chunk.subarray(at + this.#strip, at + frameLength);
  }

  end(): void {
    this.#input.end(this.midFrame);
  }

  /** A frame that lies in more than one chunk. */
  #assemble(): Uint8Array | null {
    const input = this.#input;
    if (this.#frameLength === 0) {
      if (!input.hold(this.#fieldEnd, this.#max)) return null;
      this.#frameLength = this.#measure(input.held, 0);
    }
    const frameLength = this.#frameLength;
    if (!this.#magicSeen) {
      if (!input.hold(this.#magicEnd, frameLength)) return null;
      this.#checkMagic(input.held, 0);
      this.#magicSeen = true;
    }
    if (!input.hold(frameLength, frameLength)) return null;
    this.#frameLength = 0;
    this.#magicSeen = false;
    return input.take(this.#strip, frameLength);
  }

  /** The length of the frame that begins there, of which the length field is in hand. */
  #measure(bytes: Uint8Array, start: number): number {
    const value = this.#littleEndian ? this.#readLittle(bytes, start) : this.#readBig(bytes, start);
    if (
      this.#signed &&
      ((bytes[start + (this.#littleEndian ? this.#fieldEnd - 1 : this.#fieldOffset)] ?? 0) & 0x80) !== 0
    ) {
      throw this.#input.corrupt("a frame's length is negative");
    }
    const frameLength = value + this.#adjustment + this.#fieldEnd;
    if (frameLength < this.#min)
      throw this.#input.corrupt(
        `a frame of ${frameLength} bytes was announced, the shortest has ${this.#min}`,
      );
    if (frameLength > this.#max) throw this.#refuse(frameLength);
    return frameLength;
  }

  #readBig(bytes: Uint8Array, start: number): number {
    let value = 0;
    for (let index = start + this.#fieldOffset; index < start + this.#fieldEnd; index += 1)
      value = value * 0x100 + (bytes[index] ?? 0);
    return value;
  }

  #readLittle(bytes: Uint8Array, start: number): number {
    let value = 0;
    for (let index = start + this.#fieldEnd - 1; index >= start + this.#fieldOffset; index -= 1)
      value = value * 0x100 + (bytes[index] ?? 0);
    return value;
  }

  #checkMagic(bytes: Uint8Array, start: number): void {
    for (let index = 0; index < this.#magic.length; index += 1) {
      if (bytes[start + this.#magicOffset + index] === this.#magic[index]) continue;
      throw this.#input.corrupt(`a frame has other bytes at ${this.#magicOffset} than every frame must have`);
    }
  }

  #refuse(frameLength: number): FrameError {
    this.#skipping = frameLength - this.#input.heldLength;
    this.#input.drop();
    return new FrameError(
      "too_long",
      `a frame of ${frameLength} bytes was announced, the longest has ${this.#max}`,
    );
  }

  /** Counts off the bytes of a refused frame; false if more are to come. */
  #skip(): boolean {
    const input = this.#input;
    const count = Math.min(this.#skipping, input.chunk.length - input.at);
    this.#skipping -= count;
    input.at += count;
    if (input.at === input.chunk.length) input.release();
    return this.#skipping === 0;
  }
}
