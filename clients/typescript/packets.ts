/** A packet of goim: 16 bytes of header, big endian and signed, then the body. */
export interface Packet {
  readonly op: number;
  readonly seq: number;
  readonly body: Uint8Array;
}

const HEADER_BYTES = 16;
const VERSION = 1;
const NOTHING = new Uint8Array(0);
const UTF8 = new TextEncoder();

export function encodePacket(op: number, seq: number, body: Uint8Array = NOTHING): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, bytes.length);
  view.setInt16(4, HEADER_BYTES);
  view.setInt16(6, VERSION);
  view.setInt32(8, op);
  view.setInt32(12, seq);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** The packets of one message, which holds whole ones; null where it doesn't. */
export function decodePackets(bytes: Uint8Array): readonly Packet[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < HEADER_BYTES) return null;
    const length = view.getInt32(at);
    if (length < HEADER_BYTES || length > bytes.length - at || view.getInt16(at + 4) !== HEADER_BYTES)
      return null;
    packets.push({
      op: view.getInt32(at + 8),
      seq: view.getInt32(at + 12),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += length;
  }
  return packets;
}

export function encodeJson(value: unknown): Uint8Array {
  return UTF8.encode(JSON.stringify(value));
}

/** Undefined where it is no JSON. */
export function decodeJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
