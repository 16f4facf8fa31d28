import { GoimEncoder } from "../../protocol/goim-encoder.ts";
import { GOIM_HEADER_LENGTH, GOIM_OPS, type GoimPacket } from "../../protocol/goim-packet.ts";
import { FRAME_LENGTH_MAX } from "../../protocol/require-length.ts";

/*
 * The packets that a server sends, as bytes. goim has no limit for their bodies.
 */

const ENCODER = new GoimEncoder({ maxBodyLength: FRAME_LENGTH_MAX - GOIM_HEADER_LENGTH });
const VER = 1;
const INT32_MAX = 2 ** 31 - 1;
/** The one text from clients: what the platform answers by itself, and wakes nobody for. */
export const PING = "ping";
export const PONG = "pong";
export const EMPTY_BODY = new Uint8Array(0);

export function packet(op: number, seq: number, body: Uint8Array, ver = VER): Uint8Array<ArrayBuffer> {
  return ENCODER.encode({ ver, op, seq, body });
}

export function jsonPacket(op: number, seq: number, value: unknown): Uint8Array<ArrayBuffer> {
  return packet(op, seq, new TextEncoder().encode(JSON.stringify(value)));
}

/** Pushes as goim sends them over WebSockets: whole packets in one. */
export function envelope(packets: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return packet(GOIM_OPS.raw, 0, joined(packets));
}

/** The answer to op 2: `ver` and `seq` as they came, and how many are online. */
export function heartbeatReply({ ver, seq }: GoimPacket, online: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setInt32(0, Math.min(online, INT32_MAX));
  return packet(GOIM_OPS.heartbeatReply, seq, body, ver);
}

/** One after the other: whole packets so are what goim sends over TCP. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
