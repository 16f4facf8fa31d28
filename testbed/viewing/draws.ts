/** Numbers in [0, 1), as those of a seed are. */
export type Random = () => number;

/** How long until something happens that happens every `mean` on average, whatever came before. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** A length of which half are below `median`; `sigma` is the deviation of its logarithm. */
export function lognormal(random: Random, median: number, sigma: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * random()));
}

/**
 * Draws a rank from 0 to `count` - 1, the first one the most often: the chance of the n-th is as 1
 * to n to the power of `exponent` (Zipf's law).
 */
export function zipf(count: number, exponent: number): (random: Random) => number {
  if (!(count >= 1)) throw new RangeError(`count must be 1 or more, was ${count}`);
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += (rank + 1) ** -exponent;
    upTo[rank] = sum;
  }
  return (random) => {
    const drawn = random() * sum;
    let [from, to] = [0, count - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((upTo[middle] ?? sum) > drawn) to = middle;
      else from = middle + 1;
    }
    return from;
  };
}
