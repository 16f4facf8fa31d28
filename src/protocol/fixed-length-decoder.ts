import type { FrameDecoder } from "./frame-decoder.ts";
import { FrameInput } from "./frame-input.ts";
import { FRAME_LENGTH_MAX, requireLength } from "./require-length.ts";

export interface FixedLengthOptions {
  /** Bytes of each frame, an integer in [1, 2^30]. */
  readonly frameLength: number;
}

/**
 * Frames that all have the same length (Netty's FixedLengthFrameDecoder). Nothing can be malformed
 * but the end.
 */
export class FixedLengthDecoder implements FrameDecoder {
  readonly #frameLength: number;
  readonly #input = new FrameInput();

  /** @throws RangeError for a length out of range */
  constructor({ frameLength }: FixedLengthOptions) {
    requireLength("frameLength", frameLength, 1, FRAME_LENGTH_MAX);
    this.#frameLength = frameLength;
  }

  get midFrame(): boolean {
    return this.#input.heldLength > 0;
  }

  get buffered(): number {
    return this.#input.heldLength;
  }

  write(chunk: Uint8Array): void {
    this.#input.write(chunk);
  }

  next(): Uint8Array | null {
    const input = this.#input;
    const { at } = input;
    const end = at + this.#frameLength;
    if (input.heldLength === 0 && end <= input.chunk.length) {
      input.at = end;
      return input.chunk.subarray(at, end);
    }
    return input.hold(this.#frameLength, this.#frameLength) ? input.take(0, this.#frameLength) : null;
  }

  end(): void {
    this.#input.end(this.midFrame);
  }
}
