import type { FrameDecoder } from "./frame-decoder.ts";
import { GOIM_BODY_LENGTH_MAX, GOIM_HEADER_LENGTH, type GoimPacket } from "./goim-packet.ts";
import { LengthFieldDecoder } from "./length-field-decoder.ts";

export interface GoimDecoderOptions {
  /**
   * Most bytes of a body. By default what a client may send; goim has no limit for what a server
   * sends, so its reader sets one.
   */
  readonly maxBodyLength?: number;
}

const HEADER_LENGTH = { offset: 4, bytes: Uint8Array.of(0, GOIM_HEADER_LENGTH) };

/**
 * Reads goim packets. A packLen below 16 and a headerLen other than 16 are corrupt, a longer body
 * is too long; both are told before any body is held.
 */
export class GoimDecoder implements FrameDecoder<GoimPacket> {
  readonly #frames: LengthFieldDecoder;

  /** @throws RangeError for a length out of range */
  constructor({ maxBodyLength = GOIM_BODY_LENGTH_MAX }: GoimDecoderOptions = {}) {
    this.#frames = new LengthFieldDecoder({
      lengthFieldLength: 4,
      lengthAdjustment: -4,
      signed: true,
      minFrameLength: GOIM_HEADER_LENGTH,
      maxFrameLength: GOIM_HEADER_LENGTH + maxBodyLength,
      magic: HEADER_LENGTH,
    });
  }

  get midFrame(): boolean {
    return this.#frames.midFrame;
  }

  get buffered(): number {
    return this.#frames.buffered;
  }

  write(chunk: Uint8Array): void {
    this.#frames.write(chunk);
  }

  next(): GoimPacket | null {
    const frame = this.#frames.next();
    if (frame === null) return null;
    return {
      ver: (int32At(frame, 4) << 16) >> 16,
      op: int32At(frame, 8),
      seq: int32At(frame, 12),
      body: frame.subarray(GOIM_HEADER_LENGTH),
    };
  }

  end(): void {
    this.#frames.end();
  }
}

function int32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}
