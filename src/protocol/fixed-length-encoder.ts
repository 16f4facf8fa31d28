import type { FixedLengthOptions } from "./fixed-length-decoder.ts";
import type { FrameEncoder } from "./frame-encoder.ts";
import { FRAME_LENGTH_MAX, requireLength } from "./require-length.ts";

/**
 * The counterpart of FixedLengthDecoder. It pads nothing: what a cell is filled up with is for the
 * protocol to say.
 */
export class FixedLengthEncoder implements FrameEncoder {
  readonly #frameLength: number;

  /** @throws RangeError for a length out of range */
  constructor({ frameLength }: FixedLengthOptions) {
    requireLength("frameLength", frameLength, 1, FRAME_LENGTH_MAX);
    this.#frameLength = frameLength;
  }

  /** The frame itself: no byte is added. */
  encode(frame: Uint8Array): Uint8Array {
    requireLength("the length of the frame", frame.length, this.#frameLength, this.#frameLength);
    return frame;
  }
}
