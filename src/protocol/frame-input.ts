import { FrameError } from "./frame-error.ts";

const EMPTY = new Uint8Array(0);
const CAPACITY_MIN = 64;

/**
 * The bytes that a decoder has in hand: the rest of the chunk it was given, and before that what it
 * holds of a frame that began in an earlier one.
 *
 * 1. A byte is copied into what is held at most twice on average: the capacity doubles. The cost is
 *    linear in the bytes however they are cut.
 * 2. The capacity is at most twice what has come, and never above the limit given: a length that
 *    was only announced allocates nothing.
 * 3. What `take` gives away is not written to again.
 */
export class FrameInput {
  chunk: Uint8Array = EMPTY;
  /** Where the unread bytes of the chunk begin. */
  at = 0;
  held: Uint8Array = EMPTY;
  heldLength = 0;
  #failure: FrameError | null = null;

  write(chunk: Uint8Array): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.at < this.chunk.length)
      throw new Error("a chunk was written before all frames of the last one were read");
    // A subclass (Node's Buffer) would give frames of its own kind, and slowly.
    this.chunk =
      chunk.constructor === Uint8Array
        ? chunk
        : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.at = 0;
  }

  /** Ends the stream, which must not be within a frame. */
  end(midFrame: boolean): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.at < this.chunk.length) throw new Error("the stream was ended before all its frames were read");
    if (midFrame) throw new FrameError("truncated", "the stream has ended within a frame");
  }

  /** Nothing can be read after this: the error is thrown from now on. */
  corrupt(message: string): FrameError {
    this.#failure = new FrameError("corrupt", message);
    this.release();
    this.drop();
    return this.#failure;
  }

  throwIfCorrupt(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /**
   * Holds bytes of the chunk until there are `length`; false if the chunk had too few. `limit` is
   * the most that this frame may ever need.
   */
  hold(length: number, limit: number): boolean {
    const missing = length - this.heldLength;
    const count = Math.min(missing, this.chunk.length - this.at);
    if (count > 0) {
      this.#reserve(this.heldLength + count, limit);
      copy(this.chunk, this.at, this.held, this.heldLength, count);
      this.heldLength += count;
      this.at += count;
    }
    if (this.at === this.chunk.length) this.release();
    return count >= missing;
  }

  /** What is held, from `start` to `end`; nothing is held afterwards. */
  take(start: number, end: number): Uint8Array {
    this.heldLength = 0;
    // A view of a small array makes the engine move it out of its heap: copying is cheaper, and its
    // memory can serve again.
    if (end <= CAPACITY_MIN) return this.held.slice(start, end);
    const frame = this.held.subarray(start, end);
    this.held = EMPTY;
    return frame;
  }

  /** Forgets what is held. */
  drop(): void {
    this.held = EMPTY;
    this.heldLength = 0;
  }

  /** Lets go of the chunk. */
  release(): void {
    this.chunk = EMPTY;
    this.at = 0;
  }

  #reserve(length: number, limit: number): void {
    if (length <= this.held.length) return;
    const larger = new Uint8Array(Math.min(limit, Math.max(CAPACITY_MIN, 2 * length)));
    larger.set(this.held.subarray(0, this.heldLength));
    this.held = larger;
  }
}

const COPIED_BY_HAND_MAX = 32;

/** `set` of a view costs more than a loop for the few bytes of a small piece. */
function copy(source: Uint8Array, from: number, target: Uint8Array, to: number, count: number): void {
  if (count > COPIED_BY_HAND_MAX) return target.set(source.subarray(from, from + count), to);
  for (let index = 0; index < count; index += 1) target[to + index] = source[from + index] ?? 0;
}
