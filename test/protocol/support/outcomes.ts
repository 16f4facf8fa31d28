import type { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { FrameError } from "../../../src/protocol/frame-error.ts";

/** What came out of a stream, in order: frames as hex, faults by name. Errors that are no FrameError are thrown on. */
export function outcomesOf(decoder: FrameDecoder, chunks: readonly Uint8Array[], onChunk: () => void = () => undefined): readonly string[] {
  const outcomes: string[] = [];
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
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) outcomes.push(hex(frame));
  };
  for (const chunk of chunks) {
    decoder.write(chunk);
    const goesOn = attempt(drain);
    onChunk();
    if (!goesOn) return outcomes;
  }
  attempt(() => decoder.end());
  return outcomes;
}

export function hex(bytes: Uint8Array): string {
  return `<${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}>`;
}
