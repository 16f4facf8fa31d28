import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { simulateLedgers, type SimResult } from "./ledger-sim.ts";

/*
 * npm run test:sim [-- --seeds N] [-- --from N] [-- --seed N]: simulates the ledgers from many seeds, one thread a core, or replays one. Bounded in seeds and in
 * time; ends with 1 if a seed fails, or if time ran out before the seeds did.
 */

const SEEDS = 10_000;
const SECONDS_MAX = 600;
const FAILURES_SHOWN = 5;

interface Share {
  readonly from: number;
  readonly count: number;
  readonly stride: number;
  readonly untilMs: number;
}

interface Report {
  readonly seeds: number;
  readonly steps: number;
  readonly failures: readonly SimResult[];
}

async function simulateShare({ from, count, stride, untilMs }: Share): Promise<Report> {
  let [seeds, steps] = [0, 0];
  const failures: SimResult[] = [];
  for (let index = 0; index < count && Date.now() < untilMs; index += 1) {
    const result = await simulateLedgers(from + index * stride);
    seeds += 1;
    steps += result.steps;
    if (result.failure !== null && failures.length < FAILURES_SHOWN) failures.push(result);
  }
  return { seeds, steps, failures };
}

function inThread(share: Share): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: share });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

function show({ seed, steps, failure, trace }: SimResult): void {
  console.log(`seed ${seed}, ${steps} steps: ${failure ?? "nothing was broken"}`);
  for (const line of trace) console.log(`  ${line}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seed: { type: "string" }, seeds: { type: "string" }, from: { type: "string" } } });
  if (values.seed !== undefined) {
    const result = await simulateLedgers(Number(values.seed));
    show(result);
    process.exitCode = result.failure === null ? 0 : 1;
    return;
  }
  const [seeds, from] = [Number(values.seeds ?? SEEDS), Number(values.from ?? 1)];
  const threads = Math.min(availableParallelism(), seeds);
  const startedAtMs = Date.now();
  const untilMs = startedAtMs + SECONDS_MAX * 1_000;
  const shares = Array.from({ length: threads }, (_, thread): Share => {
    return { from: from + thread, count: Math.ceil((seeds - thread) / threads), stride: threads, untilMs };
  });
  const reports = await Promise.all(shares.map(inThread));
  const failures = reports.flatMap((report) => report.failures);
  const done = reports.reduce((sum, report) => sum + report.seeds, 0);
  const steps = reports.reduce((sum, report) => sum + report.steps, 0);
  for (const failure of failures.slice(0, FAILURES_SHOWN)) show(failure);
  const seconds = (Date.now() - startedAtMs) / 1_000;
  console.log(
    `${done} of ${seeds} seeds from ${from}, ${steps} steps in ${seconds.toFixed(0)} s; ${failures.length === 0 ? "none" : "some"} failed`,
  );
  process.exitCode = failures.length === 0 && done === seeds ? 0 : 1;
}

if (isMainThread) await main();
else parentPort?.postMessage(await simulateShare(workerData as Share));
