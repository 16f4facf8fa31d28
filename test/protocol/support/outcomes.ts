import type { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { FrameError } from "../../../src/protocol/frame-error.ts";

/**
 * What came out of a stream, in order: frames as hex, faults by name. Frames are looked at when the
 * stream has ended, so that one which was overwritten meanwhile is seen. Errors that are no
 * FrameError are thrown on.
 */
export function outcomesOf(
  decoder: FrameDecoder,
  chunks: readonly Uint8Array[],
  onChunk: () => void = () => undefined,
): readonly string[] {
  const outcomes: (string | Uint8Array)[] = [];
  /** False once the stream can't be read any more. */
  const attempt = (step: () => void): boolean => {
    try {
      step();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      outcomes.push(error.fault);
      if (error.fault === "corrupt") return false;
      if (error.fault === "too_long") return attempt(step);
    }
    return true;
  };
  const drain = (): void => {
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) outcomes.push(frame);
  };
  const goesOn = chunks.every((chunk) => {
    decoder.write(chunk);
    const isReadable = attempt(drain);
    onChunk();
    return isReadable;
  });
  if (goesOn) attempt(() => decoder.end());
  return outcomes.map((outcome) => (typeof outcome === "string" ? outcome : hex(outcome)));
}

export function hex(bytes: Uint8Array): string {
  return `<${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}>`;
}
