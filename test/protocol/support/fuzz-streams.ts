import { fuzzStream, type FuzzResult } from "./fuzz-stream.ts";

export interface FuzzReport {
  readonly streams: number;
  /** The first few. */
  readonly failures: readonly FuzzResult[];
  /** How often each thing happened. */
  readonly tally: ReadonlyMap<string, number>;
  /** What should have happened and never did: then the streams are not what they should be. */
  readonly never: readonly string[];
}

const FAILURES_SHOWN = 5;
const EXPECTED = [
  ...["fixed length", "delimiter", "length field", "goim"].map((kind) => `a ${kind} decoder`),
  ...["random bytes", "small numbers", "frames", "mutated frames"].map((title) => `a stream of ${title}`),
  "a frame",
  "too_long",
  "corrupt",
  "truncated",
];

/** The streams of `count` seeds, `stride` apart. */
export function fuzzStreams(from: number, count: number, stride = 1): FuzzReport {
  const failures: FuzzResult[] = [];
  const tally = new Map<string, number>();
  for (let index = 0; index < count; index += 1) {
    const result = fuzzStream(from + index * stride);
    if (result.failure !== null && failures.length < FAILURES_SHOWN) failures.push(result);
    for (const what of result.seen) tally.set(what, (tally.get(what) ?? 0) + 1);
  }
  return { streams: count, failures, tally, never: EXPECTED.filter((what) => !tally.has(what)) };
}
