/**
 * What is wrong with a byte stream:
 *
 * - `too_long`: a frame is longer than the limit. It was not buffered, its bytes are skipped, and
 *   the next frame can be read.
 * - `corrupt`: a frame contradicts the protocol. Where the next one begins can't be known, so
 *   nothing is read any more.
 * - `truncated`: the stream has ended within a frame.
 */
export type FrameFault = "too_long" | "corrupt" | "truncated";

/**
 * The only error that bytes can cause. Its owner closes the connection, or goes on after
 * `too_long`.
 */
export class FrameError extends Error {
  override readonly name = "FrameError";
  readonly fault: FrameFault;

  constructor(fault: FrameFault, message: string) {
    super(message);
    this.fault = fault;
  }
}
