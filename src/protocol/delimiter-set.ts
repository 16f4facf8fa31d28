import { requireLength } from "./require-length.ts";

const DELIMITER_LENGTH_MAX = 64;
const DELIMITERS_MAX = 16;

/**
 * The delimiters of a protocol. The one that ends first ends the frame; of those that end together
 * the longest does, so that with "\n" and "\r\n" a line loses its "\r" too. Whether a byte ends a
 * frame thus never depends on what comes after it, nor on where the stream is cut.
 */
export class DelimiterSet {
  /** Length of the longest. */
  readonly longest: number;
  /** Longest first. */
  readonly #delimiters: readonly Uint8Array[];
  /** The byte in which all of them end; null if they differ. */
  readonly #lastByte: number | null;
  readonly #isLast = new Uint8Array(0x100);

  /**
   * @throws RangeError for none, for too many or too long ones, and for one that could never end a
   *   frame since another is found within it before
   */
  constructor(delimiters: readonly Uint8Array[]) {
    requireLength("the number of delimiters", delimiters.length, 1, DELIMITERS_MAX);
    for (const { length } of delimiters)
      requireLength("a delimiter's length", length, 1, DELIMITER_LENGTH_MAX);
    this.#delimiters = delimiters
      .map((delimiter) => delimiter.slice())
      .toSorted((a, b) => b.length - a.length);
    if (this.#delimiters.some((delimiter) => this.occursIn(delimiter.subarray(0, -1)))) {
      throw new RangeError("a delimiter holds another one before its end, and would never be found");
    }
    for (const delimiter of this.#delimiters) this.#isLast[delimiter.at(-1) ?? 0] = 1;
    this.longest = this.#delimiters[0]?.length ?? 0;
    this.#lastByte = this.#isLast.indexOf(1) === this.#isLast.lastIndexOf(1) ? this.#isLast.indexOf(1) : null;
  }

  /** Whether one of them stands anywhere in these bytes. */
  occursIn(bytes: Uint8Array): boolean {
    for (let end = 0; end < bytes.length; end += 1)
      if (this.lengthAt(bytes, 0, end, bytes, 0) > 0) return true;
    return false;
  }

  /** Where from `from` on a byte is that may be the last of a delimiter, or -1. */
  candidate(bytes: Uint8Array, from: number): number {
    if (this.#lastByte !== null) return bytes.indexOf(this.#lastByte, from);
    for (let index = from; index < bytes.length; index += 1)
      if (this.#isLast[bytes[index] ?? 0] === 1) return index;
    return -1;
  }

  /**
   * The length of the longest delimiter whose last byte is `bytes[end]`, or 0. The frame began with
   * the first `heldLength` bytes of `held`, and goes on at `bytes[start]`: a delimiter does not
   * begin before it.
   */
  lengthAt(bytes: Uint8Array, start: number, end: number, held: Uint8Array, heldLength: number): number {
    const available = heldLength + end - start + 1;
    for (const delimiter of this.#delimiters) {
      const { length } = delimiter;
      if (length > available) continue;
      let back = 0;
      while (
        back < length &&
        delimiter[length - 1 - back] === byteBefore(bytes, start, end - back, held, heldLength)
      )
        back += 1;
      if (back === length) return length;
    }
    return 0;
  }
}

function byteBefore(
  bytes: Uint8Array,
  start: number,
  index: number,
  held: Uint8Array,
  heldLength: number,
): number | undefined {
  return index >= start ? bytes[index] : held[heldLength + index - start];
}
