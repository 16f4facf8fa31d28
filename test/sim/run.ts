import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { BUS_COUNTERS, COUNTERS, REDIS_COUNTERS } from "./history/history-counters.ts";
import { addCounts, type Counts } from "./kernel/counts.ts";
import { FAULTS_MENDED } from "./history/history-known-faults.ts";
import { simulateHistory } from "./history/history-sim.ts";
import { LEDGER_COUNTERS, LONG_COUNTERS, SWITCHED_COUNTERS } from "./ledger/ledger-counters.ts";
import { simulateLedgers } from "./ledger/ledger-sim.ts";
import { areTooManyAnew, REALTIME_COUNTERS } from "./realtime/realtime-counters.ts";
import { simulateRealtime } from "./realtime/realtime-sim.ts";

/*
 * npm run test:sim [-- --only PROFILE] [--seeds N] [--from N] [--seed N [--fault NAME]], where
 * PROFILE is one of history, history-kafka, history-redis, ledger, ledger-long, ledger-switched
 * and realtime: simulates the history, the ledgers and realtime from many
 * seeds, one thread a core, or replays one, where NAME is a known fault of the history whose
 * trouble is to be on. Bounded in seeds and in time; ends with 1 if a seed fails, if time ran out
 * before the seeds did, or if something never happened, or too often.
 */

/**
 * From so many seeds on (`tell`) each thing that can happen has happened, or something is wrong
 * with the trouble.
 */
const SEEDS: Readonly<Record<Name, { readonly usual: number; readonly tell: number }>> = {
  // Most are short, and what is rare is rarer in them.
  history: { usual: 10_000, tell: 2_000 },
  // Its keys go over Kafka.
  "history-kafka": { usual: 10_000, tell: 300 },
  // Values are in Redis; in every other world its keys go over Kafka as well.
  "history-redis": { usual: 10_000, tell: 300 },
  ledger: { usual: 10_000, tell: 150 },
  // Each lives for weeks.
  "ledger-long": { usual: 100, tell: 20 },
  // Its change stream goes off and on.
  "ledger-switched": { usual: 500, tell: 40 },
  realtime: { usual: 10_000, tell: 150 },
};
const SECONDS_MAX = 900;
const FAILURES_SHOWN = 5;

interface Outcome {
  readonly seed: number;
  readonly steps: number;
  readonly failure: string | null;
  readonly trace: readonly string[];
  readonly counts?: Counts;
}

const SIMULATORS = {
  history: simulateHistory,
  "history-kafka": (seed: number) => simulateHistory(seed, { bus: "kafka" }),
  "history-redis": (seed: number) =>
    simulateHistory(seed, { hotStore: "redis", bus: seed % 2 === 0 ? "kafka" : "queue" }),
  ledger: simulateLedgers,
  "ledger-long": (seed: number) => simulateLedgers(seed, { profile: "long" }),
  "ledger-switched": (seed: number) => simulateLedgers(seed, { stream: "switched" }),
  realtime: (seed: number) => simulateRealtime(seed),
} satisfies Record<string, (seed: number) => Promise<Outcome>>;
const COUNTED: Readonly<Record<Name, readonly string[]>> = {
  history: COUNTERS,
  "history-kafka": BUS_COUNTERS,
  "history-redis": REDIS_COUNTERS,
  ledger: LEDGER_COUNTERS,
  "ledger-long": LONG_COUNTERS,
  "ledger-switched": SWITCHED_COUNTERS,
  realtime: REALTIME_COUNTERS,
};
type Name = keyof typeof SIMULATORS;

interface Share {
  readonly name: Name;
  readonly from: number;
  readonly count: number;
  readonly stride: number;
  readonly untilMs: number;
}

interface Report {
  readonly seeds: number;
  readonly steps: number;
  readonly failures: readonly Outcome[];
  readonly counts: Counts;
}

async function simulateShare({ name, from, count, stride, untilMs }: Share): Promise<Report> {
  let [seeds, steps] = [0, 0];
  const failures: Outcome[] = [];
  const counts = new Map<string, number>();
  const simulate: (seed: number) => Promise<Outcome> = SIMULATORS[name];
  for (let index = 0; index < count && Date.now() < untilMs; index += 1) {
    const result = await simulate(from + index * stride);
    seeds += 1;
    steps += result.steps;
    if (result.counts !== undefined) addCounts(counts, result.counts);
    if (result.failure !== null && failures.length < FAILURES_SHOWN) failures.push(result);
  }
  return { seeds, steps, failures, counts };
}

function inThread(share: Share): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: share });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

function show(name: Name, { seed, steps, failure, trace }: Outcome): void {
  console.log(`${name}, seed ${seed}, ${steps} steps: ${failure ?? "nothing was broken"}`);
  for (const line of trace) console.log(`  ${line}`);
}

/** Whether every seed is clean, in time, and everything that should happen has happened. */
async function simulateMany(name: Name, seeds: number, from: number): Promise<boolean> {
  const threads = Math.min(availableParallelism(), seeds);
  const startedAtMs = Date.now();
  const untilMs = startedAtMs + SECONDS_MAX * 1_000;
  const shares = Array.from({ length: threads }, (_, thread): Share => {
    return {
      name,
      from: from + thread,
      count: Math.ceil((seeds - thread) / threads),
      stride: threads,
      untilMs,
    };
  });
  const reports = await Promise.all(shares.map(inThread));
  const failures = reports.flatMap((report) => report.failures);
  const done = reports.reduce((sum, report) => sum + report.seeds, 0);
  const steps = reports.reduce((sum, report) => sum + report.steps, 0);
  const counts = new Map<string, number>();
  for (const report of reports) addCounts(counts, report.counts);
  for (const failure of failures.slice(0, FAILURES_SHOWN)) show(name, failure);
  for (const [what, times] of [...counts].toSorted(([a], [b]) => a.localeCompare(b)))
    console.log(`  ${what}: ${times}`);
  const never = done < SEEDS[name].tell ? [] : COUNTED[name].filter((what) => !counts.has(what));
  if (never.length > 0) console.log(`${name}: never happened: ${never.join("; ")}`);
  const isTooOften = name === "realtime" && areTooManyAnew(counts);
  if (isTooOften) console.log("realtime: too many of those who come back are told to begin anew");
  const seconds = Math.max(0.001, (Date.now() - startedAtMs) / 1_000);
  console.log(
    `${name}: ${done} of ${seeds} seeds from ${from}, ${steps} steps in ${seconds.toFixed(0)} s, ${((done / seconds) * 60).toFixed(0)} seeds a minute; ${failures.length === 0 ? "none" : "some"} failed`,
  );
  return failures.length === 0 && done === seeds && never.length === 0 && !isTooOften;
}

function replay(seed: number, fault: string | undefined): Promise<Outcome> {
  const known = FAULTS_MENDED.filter(({ name }) => name === fault).map(({ name }) => name);
  if (fault !== undefined && known.length === 0)
    throw new RangeError(`--fault takes ${FAULTS_MENDED.map(({ name }) => name).join(" or ")}, got ${fault}`);
  return simulateHistory(seed, { faults: known });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      seed: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
      fault: { type: "string" },
    },
  });
  const names = (Object.keys(SIMULATORS) as Name[]).filter(
    (name) => values.only === undefined || name === values.only,
  );
  if (names.length === 0)
    throw new RangeError(`--only takes ${Object.keys(SIMULATORS).join(" or ")}, got ${values.only}`);
  let isClean = true;
  for (const name of names) {
    if (values.seed !== undefined) {
      const result =
        name === "history"
          ? await replay(Number(values.seed), values.fault)
          : await SIMULATORS[name](Number(values.seed));
      show(name, result);
      isClean &&= result.failure === null;
    } else {
      const simulated = await simulateMany(
        name,
        Number(values.seeds ?? SEEDS[name].usual),
        Number(values.from ?? 1),
      );
      isClean &&= simulated;
    }
  }
  process.exitCode = isClean ? 0 : 1;
}

if (isMainThread) await main();
else {
  // Calls that fail on purpose make a tenth of the time in their stacks; a replay has them.
  Error.stackTraceLimit = 0;
  parentPort?.postMessage(await simulateShare(workerData as Share));
}
