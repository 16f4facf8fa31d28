import { DelimiterSet } from "./delimiter-set.ts";
import type { FrameDecoder } from "./frame-decoder.ts";
import { FrameError } from "./frame-error.ts";
import { FrameInput } from "./frame-input.ts";
import { FRAME_LENGTH_MAX, requireLength } from "./require-length.ts";

export interface DelimiterOptions {
  /** What ends a frame: one or several, of 1 to 64 bytes. */
  readonly delimiters: readonly Uint8Array[];
  /** The length of the longest frame without its delimiter, an integer in [1, 2^30]. */
  readonly maxFrameLength: number;
}

export interface DelimiterDecoderOptions extends DelimiterOptions {
  /** Whether frames are given without their delimiter; true if absent. */
  readonly stripDelimiter?: boolean;
  /**
   * Whether a frame that is too long is told when its length passes the limit, or only when its
   * delimiter comes; true if absent.
   */
  readonly failFast?: boolean;
}

/**
 * Frames that end with a delimiter (Netty's DelimiterBasedFrameDecoder).
 *
 * 1. Each byte is searched once: what is held holds no delimiter.
 * 2. At most maxFrameLength + the longest delimiter - 1 bytes are held. A frame that is too long is
 *    forgotten up to its delimiter, where the stream is in step again.
 */
export class DelimiterDecoder implements FrameDecoder {
  readonly #delimiters: DelimiterSet;
  readonly #max: number;
  readonly #heldMax: number;
  readonly #strip: boolean;
  readonly #failFast: boolean;
  readonly #input = new FrameInput();
  /** Whether the frame at hand was found too long, so that only its end is looked for. */
  #skipping = false;

  /** @throws RangeError for an option out of range, or a delimiter that could never be found */
  constructor({
    delimiters,
    maxFrameLength,
    stripDelimiter = true,
    failFast = true,
  }: DelimiterDecoderOptions) {
    requireLength("maxFrameLength", maxFrameLength, 1, FRAME_LENGTH_MAX);
    this.#delimiters = new DelimiterSet(delimiters);
    this.#max = maxFrameLength;
    this.#heldMax = maxFrameLength + this.#delimiters.longest - 1;
    this.#strip = stripDelimiter;
    this.#failFast = failFast;
  }

  get midFrame(): boolean {
    return this.#skipping || this.#input.heldLength > 0;
  }

  get buffered(): number {
    return this.#input.heldLength;
  }

  write(chunk: Uint8Array): void {
    this.#input.write(chunk);
  }

  next(): Uint8Array | null {
    const { chunk, at, held, heldLength } = this.#input;
    for (
      let end = this.#delimiters.candidate(chunk, at);
      end !== -1;
      end = this.#delimiters.candidate(chunk, end + 1)
    ) {
      const delimiterLength = this.#delimiters.lengthAt(chunk, at, end, held, heldLength);
      if (delimiterLength === 0) continue;
      if (!this.#skipping) return this.#frame(end + 1, delimiterLength);
      this.#endSkipping(end + 1);
      return this.#failFast ? this.next() : this.#throwTooLong();
    }
    return this.#hold();
  }

  end(): void {
    this.#input.end(this.midFrame);
  }

  /** The frame whose delimiter ends before `end`. */
  #frame(end: number, delimiterLength: number): Uint8Array {
    const input = this.#input;
    const { at, chunk, heldLength } = input;
    const whole = heldLength + end - at;
    const content = whole - delimiterLength;
    if (content > this.#max) {
      this.#endSkipping(end);
      return this.#throwTooLong();
    }
    if (heldLength > 0) {
      input.hold(whole, this.#heldMax + 1);
      return input.take(0, this.#strip ? content : whole);
    }
    input.at = end;
    return chunk.subarray(at, this.#strip ? at + content : end);
  }

  /** Holds the rest of the chunk, which has no delimiter. */
  #hold(): null {
    const input = this.#input;
    const length = input.heldLength + input.chunk.length - input.at;
    if (this.#skipping) this.#holdTail();
    else if (length <= this.#heldMax) input.hold(length, this.#heldMax + 1);
    else {
      this.#skipping = true;
      this.#holdTail();
      if (this.#failFast) this.#throwTooLong();
    }
    return null;
  }

  /** Of a frame that is being skipped only the bytes are held with which a delimiter may begin. */
  #holdTail(): void {
    const input = this.#input;
    const tailMax = this.#delimiters.longest - 1;
    const fromChunk = Math.min(tailMax, input.chunk.length - input.at);
    const fromHeld = Math.min(tailMax - fromChunk, input.heldLength);
    const tail = input.held.slice(input.heldLength - fromHeld, input.heldLength);
    input.held = tail;
    input.heldLength = fromHeld;
    input.at = input.chunk.length - fromChunk;
    input.hold(fromHeld + fromChunk, tailMax);
  }

  #endSkipping(end: number): void {
    this.#skipping = false;
    this.#input.drop();
    this.#input.at = end;
  }

  #throwTooLong(): never {
    throw new FrameError("too_long", `a frame has more than ${this.#max} bytes`);
  }
}
