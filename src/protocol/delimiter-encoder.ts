import type { DelimiterOptions } from "./delimiter-decoder.ts";
import { DelimiterSet } from "./delimiter-set.ts";
import type { FrameEncoder } from "./frame-encoder.ts";
import { FRAME_LENGTH_MAX, requireLength } from "./require-length.ts";

/** The counterpart of DelimiterDecoder: ends each frame with the first of the delimiters. */
export class DelimiterEncoder implements FrameEncoder {
  readonly #delimiters: DelimiterSet;
  readonly #delimiter: Uint8Array;
  readonly #max: number;

  /** @throws RangeError for an option out of range, or a delimiter that could never be found */
  constructor({ delimiters, maxFrameLength }: DelimiterOptions) {
    requireLength("maxFrameLength", maxFrameLength, 1, FRAME_LENGTH_MAX);
    this.#delimiters = new DelimiterSet(delimiters);
    this.#delimiter = (delimiters[0] ?? new Uint8Array(0)).slice();
    this.#max = maxFrameLength;
  }

  /**
   * @throws RangeError for a frame that is too long, and for one within which a decoder would see a
   *   delimiter: it would be read as two
   */
  encode(frame: Uint8Array): Uint8Array {
    requireLength("the frame's length", frame.length, 0, this.#max);
    const bytes = new Uint8Array(frame.length + this.#delimiter.length);
    bytes.set(frame);
    bytes.set(this.#delimiter, frame.length);
    if (this.#delimiters.occursIn(bytes.subarray(0, -1))) throw new RangeError("the frame holds a delimiter");
    // With "\n" and "\r\n" a frame that ends with "\r" would lose it.
    const ending = this.#delimiters.lengthAt(bytes, 0, bytes.length - 1, bytes, 0);
    if (ending !== this.#delimiter.length)
      throw new RangeError("the frame's end and the delimiter are a longer delimiter");
    return bytes;
  }
}
