import { measureColdReads } from "./cold-reads.ts";
import { measureExports } from "./exports.ts";

/** Prints what reads and exports cost a shard beside what else it does. */
export async function printBeside(): Promise<void> {
  console.log("the first page of somebody whom the shard doesn't hold, a database that answers at once:");
  const reads = await measureColdReads();
  console.table(
    Object.fromEntries(
      reads.map(({ name, nsPerCall, ratio }) => [
        name,
        { µs: Number((nsPerCall / 1_000).toPrecision(3)), ratio: ratio.toFixed(2) },
      ]),
    ),
  );
  console.log("exports of 1,000 entries, ten a second, and fifty reports a second of one shard, in ms:");
  const waits = await measureExports();
  console.table(
    Object.fromEntries(
      waits.map(({ what, p50Ms, p99Ms }) => [what, { p50: p50Ms.toFixed(1), p99: p99Ms.toFixed(1) }]),
    ),
  );
}
