import { parseArgs } from "node:util";
import { fuzzStream, type FuzzResult } from "./support/fuzz-stream.ts";
import { fuzzStreams } from "./support/fuzz-streams.ts";

/*
 * npm run test:fuzz [-- --streams N] [--from N] [--seed N]: random and mutated streams through the
 * frame decoders, or one of them again. Ends with 1 if one fails, or if something that should
 * happen never did.
 */

const STREAMS = "1000000";

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: STREAMS },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
  },
});

function show({ seed, failure, seen }: FuzzResult): void {
  console.log(`seed ${seed}: ${failure ?? `nothing was wrong; ${seen.join(", ")}`}`);
}

function fuzzMany(from: number, count: number): boolean {
  const startedAtMs = Date.now();
  const { streams, failures, tally, never } = fuzzStreams(from, count);
  for (const failure of failures) show(failure);
  for (const [what, times] of [...tally].toSorted(([a], [b]) => a.localeCompare(b)))
    console.log(`  ${what}: ${times}`);
  if (never.length > 0) console.log(`never happened: ${never.join("; ")}`);
  const seconds = (Date.now() - startedAtMs) / 1_000;
  console.log(
    `${streams} streams from seed ${from} in ${seconds.toFixed(0)} s; ${failures.length === 0 ? "none" : "some"} failed`,
  );
  return failures.length === 0 && never.length === 0;
}

let isClean: boolean;
if (values.seed === undefined) isClean = fuzzMany(Number(values.from), Number(values.streams));
else {
  const result = fuzzStream(Number(values.seed));
  show(result);
  isClean = result.failure === null;
}
process.exitCode = isClean ? 0 : 1;
