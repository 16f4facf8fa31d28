import {
  startBareChain,
  startBareWorker,
  startForgetful,
  startWhole,
  startWriteThrough,
} from "./support/measured-platforms.ts";
import { printBeside } from "./support/beside/print-beside.ts";
import { load, type LoadRequest, type LoadResult } from "./support/load.ts";
import { median } from "./support/median.ts";
import { signedInUsers } from "./support/signed-in-users.ts";
import { priceOfTrace } from "./support/viewing/price-of-trace.ts";

const CONNECTIONS = 256;
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 5);
const USERS = 24;

interface Candidate {
  readonly name: string;
  readonly url: string;
  readonly requests: readonly LoadRequest[];
  readonly results: LoadResult[];
}

/** What of it is run, separated by commas. */
const PARTS = new Set((process.env["BENCH_PARTS"] ?? "speed,trace,beside").split(","));
const VIEWERS = Number(process.env["BENCH_VIEWERS"] ?? 200);
/** `BENCH_WRITE=1` writes the trace's table where it is quoted. */
const WRITES = process.env["BENCH_WRITE"] === "1";

/**
 * What reports of a trace of viewing cost, what reads and exports take beside them, and how fast
 * they are.
 */
export async function run(): Promise<void> {
  if (PARTS.has("trace")) await priceOfTrace(VIEWERS, WRITES);
  if (PARTS.has("beside")) await printBeside();
  if (PARTS.has("speed")) await measureSpeed();
}

/**
 * Reports through the whole path beside baselines in the same run.
 */
async function measureSpeed(): Promise<void> {
  console.log(
    `reports of one heartbeat each, ${CONNECTIONS} connections, medians of ${ROUNDS} interleaved rounds of ${SECONDS} s\n`,
  );
  const whole = await startWhole();
  const writeThrough = await startWriteThrough();
  const forgetful = await startForgetful();
  const bareChain = await startBareChain();
  const bareWorker = await startBareWorker();
  const plain = reportsOf(Array.from({ length: USERS }, (_, user) => ({ "x-user": `user-${user}` })));
  const candidates: Candidate[] = [
    {
      name: "whole path",
      url: whole.url,
      requests: reportsOf(await signedInUsers(whole.url, USERS)),
      results: [],
    },
    {
      name: "D1 write-through",
      url: writeThrough.url,
      requests: reportsOf(await signedInUsers(writeThrough.url, USERS)),
      results: [],
    },
    {
      name: "nothing kept",
      url: forgetful.url,
      requests: reportsOf(await signedInUsers(forgetful.url, USERS)),
      results: [],
    },
    { name: "bare chain", url: bareChain.url, requests: plain, results: [] },
    { name: "bare Hono worker", url: bareWorker.url, requests: plain, results: [] },
  ];
  for (const { url, requests } of candidates) await load({ url, requests, connections: 64, seconds: 2 });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { url, requests, results } of candidates) {
      results.push(await load({ url, requests, connections: CONNECTIONS, seconds: SECONDS }));
    }
  }
  printThroughput(candidates);
  for (const platform of [whole, writeThrough, forgetful, bareChain, bareWorker]) await platform.stop();
}

function reportsOf(users: readonly Readonly<Record<string, string>>[]): LoadRequest[] {
  return users.map((headers, user) => ({
    method: "POST",
    path: "/v1/history/reports",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      reports: [{ kind: "video", itemId: `movie-${user}`, positionMs: 61_000, durationMs: 596_000 }],
    }),
  }));
}

function printThroughput(candidates: readonly Candidate[]): void {
  const rate = (name: string): readonly number[] =>
    candidates
      .find((candidate) => candidate.name === name)
      ?.results.map(({ requestsPerSecond }) => requestsPerSecond) ?? [];
  console.table(
    Object.fromEntries(
      candidates.map(({ name, results }) => [
        name,
        {
          "requests/s": Math.round(median(results.map(({ requestsPerSecond }) => requestsPerSecond))),
          "p50 ms": median(results.map(({ p50Ms }) => p50Ms)),
          "p99 ms": median(results.map(({ p99Ms }) => p99Ms)),
          failures: results.reduce((sum, { failures }) => sum + failures, 0),
        },
      ]),
    ),
  );
  const ratio = (name: string, to = "whole path"): string =>
    median(rate(to).map((value, round) => value / (rate(name)[round] ?? Number.NaN))).toFixed(2);
  console.log(`whole path / bare chain with the same hops: ${ratio("bare chain")}   (goal ≥ 0.60)`);
  console.log(`whole path / D1 write-through:              ${ratio("D1 write-through")}   (goal ≥ 2.2)`);
  console.log(`  at most, by a history that keeps nothing: ${ratio("D1 write-through", "nothing kept")}`);
  console.log(`whole path / bare Hono worker:              ${ratio("bare Hono worker")}\n`);
}
