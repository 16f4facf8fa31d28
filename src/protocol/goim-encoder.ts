import type { FrameEncoder } from "./frame-encoder.ts";
import { GOIM_BODY_LENGTH_MAX, GOIM_HEADER_LENGTH, type GoimPacket } from "./goim-packet.ts";
import { LengthFieldEncoder } from "./length-field-encoder.ts";
import { requireLength } from "./require-length.ts";

const INT16 = 2 ** 15;
const INT32 = 2 ** 31;

export interface GoimEncoderOptions {
  /** Most bytes of a body; by default what a client may send. */
  readonly maxBodyLength?: number;
}

/** Writes goim packets. */
export class GoimEncoder implements FrameEncoder<GoimPacket> {
  readonly #frames: LengthFieldEncoder;

  /** @throws RangeError for a length out of range */
  constructor({ maxBodyLength = GOIM_BODY_LENGTH_MAX }: GoimEncoderOptions = {}) {
    this.#frames = new LengthFieldEncoder({
      lengthFieldLength: 4,
      lengthAdjustment: -4,
      maxFrameLength: GOIM_HEADER_LENGTH + maxBodyLength,
    });
  }

  /** @throws RangeError for a number that its field can't hold, and for a body that is too long */
  encode({ ver, op, seq, body }: GoimPacket): Uint8Array<ArrayBuffer> {
    requireLength("ver", ver, -INT16, INT16 - 1);
    requireLength("op", op, -INT32, INT32 - 1);
    requireLength("seq", seq, -INT32, INT32 - 1);
    const header = new Uint8Array(GOIM_HEADER_LENGTH - 4);
    const view = new DataView(header.buffer);
    view.setInt16(0, GOIM_HEADER_LENGTH);
    view.setInt16(2, ver);
    view.setInt32(4, op);
    view.setInt32(8, seq);
    return this.#frames.encode(header, body);
  }
}
