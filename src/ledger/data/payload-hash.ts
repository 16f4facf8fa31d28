import { createHash } from "node:crypto";
import type { HashPayload } from "../biz/ports.ts";

/** 132 bits in base64url: nobody finds two texts for one, and a row is small. */
const DIGEST_CHARS = 22;
/** An earlier release kept all of SHA-256, in hex. */
const LONG_HASH_CHARS = 64;
const SIX_BITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BITS_OF_THREE_HEX = 12;

/** The beginning of SHA-256 in base64url. Synchronous: what it hashes is some dozen bytes. */
export const payloadHash: HashPayload = (parts) => shortened(longPayloadHash(parts));

/** As an earlier release writes and compares it. */
export const longPayloadHash: HashPayload = (parts) =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex");

/** A hash as it is compared, whichever release stored it. */
export function comparable(storedHash: string): string {
  return storedHash.length === LONG_HASH_CHARS ? shortened(storedHash) : storedHash;
}

/** Three hex digits are two characters of base64url. */
function shortened(hex: string): string {
  let text = "";
  for (let at = 0; text.length < DIGEST_CHARS; at += 3) {
    const bits = Number.parseInt(hex.slice(at, at + 3), 16);
    text += `${SIX_BITS.charAt(bits >> (BITS_OF_THREE_HEX / 2))}${SIX_BITS.charAt(bits & 0x3f)}`;
  }
  return text;
}
