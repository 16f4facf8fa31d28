/**
 * The decoder that everybody writes first: puts all bytes together, slices off what is complete.
 * Each chunk copies what was there before, each frame what comes after it. For the benchmark to
 * compare with.
 */
export class NaiveDecoder {
  #bytes = new Uint8Array(0);

  /** The frames that begin with their length, 4 bytes, itself included. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
    const frames: Uint8Array[] = [];
    while (this.#bytes.length >= 4) {
      const length = new DataView(this.#bytes.buffer).getUint32(0);
      if (this.#bytes.length < length) break;
      frames.push(this.#bytes.slice(0, length));
      this.#bytes = this.#bytes.slice(length);
    }
    return frames;
  }
}
