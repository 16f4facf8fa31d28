const POOL_BYTES = 4096;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/**
 * `bytes` random bytes in hex, from a pool that is refilled every few hundred calls: one system
 * call an id is dear on the hot path.
 */
export function randomHex(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let text = "";
  for (const end = used + bytes; used < end; used += 1) text += HEX[pool[used] ?? 0];
  return text;
}
