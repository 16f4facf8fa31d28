/**
 * MurmurHash3, x86 32-bit variant (Austin Appleby, public domain; test vectors from SMHasher), over
 * the UTF-16 code units of ASCII keys. Not for secrets: it spreads keys, it does not hide them.
 *
 * @returns an unsigned 32-bit integer
 */
export function murmur3(key: string, seed: number): number {
  const length = key.length;
  const blocksEnd = length & ~3;
  let hash = seed | 0;
  for (let index = 0; index < blocksEnd; index += 4) {
    hash ^= scramble(blockAt(key, index, 4));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  // An empty tail is a block of 0, which scrambles to 0.
  hash ^= scramble(blockAt(key, blocksEnd, length - blocksEnd));
  return finalMix(hash ^ length);
}

function blockAt(key: string, index: number, bytes: number): number {
  let block = 0;
  for (let offset = 0; offset < bytes; offset += 1)
    block |= (key.charCodeAt(index + offset) & 0xff) << (8 * offset);
  return block;
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function finalMix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
