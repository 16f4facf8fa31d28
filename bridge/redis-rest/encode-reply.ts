import type { RedisReply } from "./redis-reply.ts";

/**
 * How strings are told: in base64 they keep their bytes; plain ones are shown as UTF-8, for reading
 * by eye.
 */
export type ReplyEncoding = "base64" | "plain";

const INTEGER = /^-?\d+$/;

/**
 * A reply as the JSON text of `{"result":…}` or `{"error":…}`. Text is put together by hand, since
 * JSON.stringify would make numbers of integers and read each base64 string for what must be
 * escaped.
 *
 * @returns null if the text would have more than `lengthMax` characters
 */
export function encodeReply(reply: RedisReply, encoding: ReplyEncoding, lengthMax: number): string | null {
  if (reply instanceof Error) return `{"error":${JSON.stringify(reply.message)}}`;
  if (lengthOf(reply, encoding) > lengthMax) return null;
  // The one string that clients take as it is, and only where it stands alone: within an array they
  // would decode it.
  if (reply instanceof Uint8Array && isOk(reply)) return '{"result":"OK"}';
  return `{"result":${encode(reply, encoding)}}`;
}

function encode(reply: RedisReply, encoding: ReplyEncoding): string {
  if (reply === null) return "null";
  if (typeof reply === "string") return INTEGER.test(reply) ? reply : JSON.stringify(reply);
  if (reply instanceof Uint8Array) return encodeBytes(reply, encoding);
  if (reply instanceof Error) return encodeBytes(Buffer.from(reply.message), encoding);
  return `[${reply.map((element) => encode(element, encoding)).join(",")}]`;
}

function encodeBytes(bytes: Uint8Array, encoding: ReplyEncoding): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === "base64" ? `"${buffer.toString("base64")}"` : JSON.stringify(buffer.toString("utf8"));
}

function isOk(bytes: Uint8Array): boolean {
  return bytes.length === 2 && bytes[0] === 0x4f && bytes[1] === 0x4b;
}

/** About how long a reply's text will be: known before any of it is made. */
function lengthOf(reply: RedisReply, encoding: ReplyEncoding): number {
  if (reply === null) return 4;
  if (typeof reply === "string") return reply.length;
  if (reply instanceof Uint8Array)
    return encoding === "base64" ? Math.ceil(reply.length / 3) * 4 + 2 : escapedLengthOf(reply) + 2;
  if (reply instanceof Error) return Math.ceil(reply.message.length / 3) * 4 + 2;
  return reply.reduce((sum: number, element) => sum + lengthOf(element, encoding) + 1, 2);
}

/** In JSON a control character takes six, so a text may be six times as long as its bytes. */
function escapedLengthOf(bytes: Uint8Array): number {
  let length = bytes.length;
  for (const byte of bytes) length += byte < 0x20 ? 5 : byte === 0x22 || byte === 0x5c ? 1 : 0;
  return length;
}
