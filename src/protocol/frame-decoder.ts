/**
 * Cuts frames from a byte stream that may be split anywhere and stuck together anyhow:
 *
 * ```ts
 * decoder.write(chunk);
 * for (let frame = decoder.next(); frame !== null; frame = decoder.next()) handle(frame);
 * ```
 *
 * Nothing depends on where the stream is cut. What is held between two chunks is at most one
 * unfinished frame.
 */
export interface FrameDecoder<Frame = Uint8Array> {
  /**
   * Gives the bytes that came next, once all frames of those before have been read. They must not
   * change while a frame of theirs is in use: a frame that lies within one chunk is a view of it.
   * Copy a small frame that you keep, or it keeps its whole chunk.
   */
  write(chunk: Uint8Array): void;
  /**
   * The next frame, or null where more bytes are needed.
   *
   * @throws FrameError `too_long`, after which the next call reads on; `corrupt`, which every later
   *   call throws again
   */
  next(): Frame | null;
  /**
   * The stream has ended.
   *
   * @throws FrameError `truncated` within a frame
   */
  end(): void;
  /**
   * Whether a frame has begun and not ended, one that is being skipped included. A slow sender is
   * known by how long this stays true.
   */
  readonly midFrame: boolean;
  /** Bytes that are held of it. */
  readonly buffered: number;
}
