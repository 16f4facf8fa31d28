import { murmur3 } from "./murmur3.ts";
import { requireIntegerIn } from "./rate-limit.ts";

const CLIENTS_MAX = 1_000_000_000;
const BACKENDS_MAX = 10_000;
const SEED = 0x5eed;

/**
 * The backends that one client keeps connections to: deterministic subsetting (SRE book, ch. 20),
 * so that over all clients every backend has the same number of them, give or take one. Clients are
 * dealt in rounds; each round shuffles the backends its own way. Where a round doesn't come out
 * even, the book leaves out whom the dice say; here the backends take turns at being left out.
 *
 * @param backends - at most 10000
 * @param clientId - a number of its own for each client, an integer in [0, 1000000000], without
 *   gaps
 * @param subsetSize - an integer in [1, 10000]; all backends where there are no more
 * @throws RangeError for a number out of range
 */
export function subset<T>(backends: readonly T[], clientId: number, subsetSize: number): readonly T[] {
  requireIntegerIn("backends.length", backends.length, 0, BACKENDS_MAX);
  requireIntegerIn("clientId", clientId, 0, CLIENTS_MAX);
  requireIntegerIn("subsetSize", subsetSize, 1, BACKENDS_MAX);
  if (backends.length <= subsetSize) return backends;
  const subsets = Math.floor(backends.length / subsetSize);
  const round = Math.floor(clientId / subsets);
  const start = (clientId % subsets) * subsetSize;
  return shuffled(dealt(backends, round, subsets * subsetSize), round).slice(start, start + subsetSize);
}

/**
 * All backends but those whose turn it is to be left out: as many as are over, from where the round
 * before has stopped.
 */
function dealt<T>(backends: readonly T[], round: number, count: number): T[] {
  const from = (round * (backends.length - count)) % backends.length;
  return [...backends.slice(from), ...backends.slice(0, from)].slice(backends.length - count);
}

/** Fisher and Yates, with the round's hash for dice. */
function shuffled<T>(items: readonly T[], round: number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = murmur3(`${round}:${last}`, SEED) % (last + 1);
    const [a, b] = [result[last], result[other]] as [T, T];
    result[last] = b;
    result[other] = a;
  }
  return result;
}
