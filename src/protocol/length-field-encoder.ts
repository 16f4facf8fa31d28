import type { FrameEncoder } from "./frame-encoder.ts";
import type { LengthFieldFormat } from "./length-field-decoder.ts";
import { FRAME_LENGTH_MAX, requireLength } from "./require-length.ts";

/**
 * The counterpart of LengthFieldDecoder: inserts the length field (with an offset of 0 it is
 * Netty's LengthFieldPrepender). A decoder with the same format gives back the whole frame, and
 * with `initialBytesToStrip` = the field's length what was encoded, if the field comes first.
 */
export class LengthFieldEncoder implements FrameEncoder {
  readonly #offset: number;
  readonly #fieldLength: number;
  readonly #adjustment: number;
  readonly #littleEndian: boolean;
  readonly #max: number;
  readonly #min: number;
  readonly #valueMax: number;

  /** @throws RangeError for an option out of range */
  constructor(format: LengthFieldFormat) {
    const {
      maxFrameLength,
      lengthFieldOffset = 0,
      lengthFieldLength,
      lengthAdjustment = 0,
      endianness = "big",
    } = format;
    const { signed = false, minFrameLength = 0 } = format;
    requireLength("maxFrameLength", maxFrameLength, 1, FRAME_LENGTH_MAX);
    requireLength("lengthFieldLength", lengthFieldLength, 1, Math.min(8, maxFrameLength));
    requireLength("lengthFieldOffset", lengthFieldOffset, 0, maxFrameLength - lengthFieldLength);
    requireLength("minFrameLength", minFrameLength, 0, maxFrameLength);
    requireLength("lengthAdjustment", lengthAdjustment, -FRAME_LENGTH_MAX, FRAME_LENGTH_MAX);
    this.#offset = lengthFieldOffset;
    this.#fieldLength = lengthFieldLength;
    this.#adjustment = lengthAdjustment;
    this.#littleEndian = endianness === "little";
    this.#max = maxFrameLength;
    this.#min = Math.max(minFrameLength, 1);
    this.#valueMax = Math.min(Number.MAX_SAFE_INTEGER, 2 ** (8 * lengthFieldLength - (signed ? 1 : 0)) - 1);
  }

  /**
   * One frame of these parts, one after the other. The first `lengthFieldOffset` bytes of the first
   * stand before the field.
   *
   * @throws RangeError for a frame that is longer than the longest or shorter than the shortest, or
   *   whose length the field can't tell
   */
  encode(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    let contentLength = 0;
    for (const part of parts) contentLength += part.length;
    requireLength("the first part's length", parts[0]?.length ?? 0, this.#offset, this.#max);
    requireLength("the frame's length", contentLength + this.#fieldLength, this.#min, this.#max);
    const frame = new Uint8Array(contentLength + this.#fieldLength);
    let at = this.#fieldLength;
    for (const part of parts) {
      frame.set(part, at);
      at += part.length;
    }
    // What stands before the field moves to the front, and leaves its place to the field.
    frame.copyWithin(0, this.#fieldLength, this.#fieldLength + this.#offset);
    this.#writeLength(frame, contentLength - this.#offset - this.#adjustment);
    return frame;
  }

  #writeLength(frame: Uint8Array, value: number): void {
    const fieldLength = this.#fieldLength;
    requireLength("the length field's value", value, 0, this.#valueMax);
    let rest = value;
    for (let index = 0; index < fieldLength; index += 1) {
      frame[this.#offset + (this.#littleEndian ? index : fieldLength - 1 - index)] = rest % 0x100;
      rest = Math.floor(rest / 0x100);
    }
  }
}
