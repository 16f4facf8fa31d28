import type { Comparison } from "./support/comparison.ts";
import { BREAKER_COMPARISONS } from "./support/breaker-comparisons.ts";
import { bytesPerInstance, type HeapCandidate } from "./support/heap-per-instance.ts";
import { BREAKERS, CALLS_PER_BREAKER, CALLS_PER_CLIENT, CLIENTS } from "./support/heap-candidates.ts";
import { idleHour, type IdleResult } from "./support/idle-hour.ts";
import { interleaved } from "./support/interleaved.ts";
import { LOAD_COMPARISONS } from "./support/load-comparisons.ts";
import { QUOTA_COMPARISONS } from "./support/quota-comparisons.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 30);
const WEIGHED_BREAKERS = 300;
const WEIGHED_CLIENTS = 1_000;

/**
 * What one decision of each of our primitives costs, beside the libraries that have a counterpart:
 * time, memory, and one that gets it wrong.
 */
export async function run(): Promise<void> {
  console.log(
    `ns per decision, one after the other on one thread, medians of ${ROUNDS} interleaved rounds of ${ROUND_MS} ms; the ratio is to the first of each table, which is ours.\nOurs are called through their interfaces, by loops that have seen several implementations; in a loop that knows but one they are quicker.\n`,
  );
  for (const comparison of [...BREAKER_COMPARISONS, ...QUOTA_COMPARISONS, ...LOAD_COMPARISONS])
    await compare(comparison);
  await weigh(
    `bytes of a breaker after ${CALLS_PER_BREAKER} calls in its window`,
    BREAKERS,
    WEIGHED_BREAKERS,
  );
  await weigh(
    `bytes of a client's quota after ${CALLS_PER_CLIENT} decisions, its key included`,
    CLIENTS,
    WEIGHED_CLIENTS,
  );
  await printIdleHour();
}

async function compare({ title, note, candidates }: Comparison): Promise<void> {
  const timings = await interleaved(await candidates(), { rounds: ROUNDS, roundMs: ROUND_MS });
  console.log(title);
  console.table(
    Object.fromEntries(
      timings.map(({ name, nsPerCall, ratio }) => [
        name,
        { "ns/decision": Number(nsPerCall.toPrecision(3)), ratio: Number(ratio.toFixed(2)) },
      ]),
    ),
  );
  console.log(note === undefined ? "" : `${note}\n`);
}

async function weigh(title: string, candidates: readonly HeapCandidate[], count: number): Promise<void> {
  const rows: Record<string, { readonly bytes: number; readonly ratio: number }> = {};
  let base: number | null = null;
  for (const candidate of candidates) {
    const bytes = await bytesPerInstance(candidate, count);
    base ??= bytes;
    rows[candidate.name] = { bytes, ratio: Number((bytes / base).toFixed(2)) };
  }
  console.log(`${title} (heap and buffers, after collection)`);
  console.table(rows);
}

async function printIdleHour(): Promise<void> {
  const { afterAnHour, afterASecond } = await idleHour();
  const told = ({ opened, counted }: IdleResult): string =>
    `${opened ? "opens" : "stays closed"} (counts ${counted} in its 10 s)`;
  console.log(
    `19 failures, an hour of idleness, 1 failure: cockatiel's SamplingBreaker ${told(afterAnHour.cockatiel)}, ours ${told(afterAnHour.ours)}. After a second instead of an hour: cockatiel's ${told(afterASecond.cockatiel)}, ours ${told(afterASecond.ours)}.`,
  );
}
