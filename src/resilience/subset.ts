import { murmur3 } from "./murmur3.ts";

/**
 * The backends that one client keeps connections to: deterministic subsetting (SRE book, ch. 20), so that over all clients every backend has the
 * same number of them, give or take one. Clients are dealt in rounds; each round shuffles the backends its own way.
 *
 * @param clientId - a number of its own for each client, from 0, without gaps
 * @param subsetSize - an integer in [1, 10000]
 */
export function subset<T>(backends: readonly T[], clientId: number, subsetSize: number): readonly T[] {
  if (!Number.isInteger(clientId) || clientId < 0) throw new RangeError(`clientId must be an integer in [0, ∞), got ${clientId}`);
  if (!Number.isInteger(subsetSize) || subsetSize < 1 || subsetSize > 10_000) {
    throw new RangeError(`subsetSize must be an integer in [1, 10000], got ${subsetSize}`);
  }
  if (backends.length <= subsetSize) return backends;
  const subsets = Math.floor(backends.length / subsetSize);
  const round = Math.floor(clientId / subsets);
  const start = (clientId % subsets) * subsetSize;
  return shuffled(backends, round).slice(start, start + subsetSize);
}

/** Fisher and Yates, with the round's hash for dice. */
function shuffled<T>(items: readonly T[], round: number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = murmur3(`${round}:${last}`, 0x5eed) % (last + 1);
    const [a, b] = [result[last], result[other]] as [T, T];
    result[last] = b;
    result[other] = a;
  }
  return result;
}
