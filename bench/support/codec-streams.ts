/** Bytes that hold a whole number of frames. */
export interface CodecStream {
  readonly frameLength: number;
  readonly frames: number;
  readonly bytes: Uint8Array;
}

const HEADER_LENGTH = 16;
const NEWLINE = 0x0a;
const FILLER = 0x61;

/**
 * Packets of goim with a body of this length (1 or more), which are lines and frames of a fixed
 * length as well.
 */
export function codecStream(bodyLength: number, bytesMin: number): CodecStream {
  const frameLength = HEADER_LENGTH + bodyLength;
  const frames = Math.ceil(bytesMin / frameLength);
  const bytes = new Uint8Array(frames * frameLength).fill(FILLER);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += frameLength) {
    view.setInt32(at, frameLength);
    view.setInt16(at + 4, HEADER_LENGTH);
    bytes[at + frameLength - 1] = NEWLINE;
  }
  return { frameLength, frames, bytes };
}

export function chunksOf(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.slice(index * size, (index + 1) * size),
  );
}
