import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import type { ApiClient } from "../../testbed/clients/api-client.ts";
import { makeTransfers } from "./many-transfers.ts";
import { median } from "./median.ts";

const TRANSFERS = 2_000_000;
const RATE = 20;
const ROUNDS = 7;
/** So long is each half of a round: as long as a call takes, about. */
const HALF_SECONDS = 7;
const QUANTILES = [0.5, 0.9, 0.99] as const;

interface Beside {
  readonly platform: RunningPlatform;
  readonly api: ApiClient;
  readonly operator: string;
  /** Makes one transfer. Answers how long that took, in ms. */
  readonly transfer: () => Promise<number>;
}

/**
 * What reconciling two million transfers does to those that are made meanwhile.
 * `BENCH_RECONCILE=1`: making them takes a minute or two. Alone and beside it take turns, and each
 * round tells one ratio: the median of these is not moved by a slow second of the machine.
 */
export async function reconcileBeside({ platform, api, operator, transfer }: Beside): Promise<void> {
  const startedAtMs = performance.now();
  await makeTransfers(platform, TRANSFERS);
  const tookMs = performance.now() - startedAtMs;
  console.log(
    `${TRANSFERS.toLocaleString("en")} older transfers, made by SQL in ${Math.round(tookMs / 1_000)} s`,
  );
  await atRate(transfer, (second) => second < HALF_SECONDS);

  const rounds: { readonly alone: readonly number[]; readonly beside: readonly number[] }[] = [];
  const callsMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const alone = await atRate(transfer, (second) => second < HALF_SECONDS);
    let isReconciling = true;
    const call = (async () => {
      const calledAtMs = performance.now();
      const { status, body } = await api.call("GET", "/v1/ops/reconcile", { token: operator });
      callsMs.push(performance.now() - calledAtMs);
      if (status !== 200 || body["ok"] !== true)
        console.log(`reconcile answered ${status}: ${JSON.stringify(body)}`);
      isReconciling = false;
    })();
    const beside = await atRate(transfer, () => isReconciling);
    await call;
    rounds.push({ alone: quantiles(alone), beside: quantiles(beside) });
  }
  const calledMs = Math.round(median(callsMs));
  console.log(
    `reconcile: answered in ${calledMs} ms (median), ${await passed(platform)} transfers passed after ${ROUNDS} calls`,
  );
  await besideCron(platform, transfer);
  console.log(`at ${RATE}/s, medians of ${ROUNDS} rounds in which both take turns (goal: less than twice):`);
  console.table(
    Object.fromEntries(
      QUANTILES.map((quantile, index) => {
        const of = (which: "alone" | "beside"): number[] =>
          rounds.map((round) => round[which][index] ?? Number.NaN);
        const ratios = of("beside").map((ms, round) => ms / (of("alone")[round] ?? Number.NaN));
        const row = {
          "alone, ms": median(of("alone")).toFixed(1),
          "beside it, ms": median(of("beside")).toFixed(1),
        };
        return [`p${quantile * 100}`, { ...row, ratio: median(ratios).toFixed(2) }];
      }),
    ),
  );
}

/** What one run of the cron gets done while transfers are made. */
async function besideCron(platform: RunningPlatform, transfer: () => Promise<number>): Promise<void> {
  const [before, startedAtMs] = [await passed(platform), performance.now()];
  let isRunning = true;
  const run = platform.fireCron("playhead-ops-bff", "* * * * *").then(() => (isRunning = false));
  const [p50, , p99] = quantiles(await atRate(transfer, () => isRunning));
  await run;
  const [took, more] = [
    Math.round((performance.now() - startedAtMs) / 1_000),
    (await passed(platform)) - before,
  ];
  console.log(
    `the cron's run took ${took} s and passed ${more} transfers; transfers beside it: p50 ${p50?.toFixed(1)} ms, p99 ${p99?.toFixed(1)} ms`,
  );
}

async function atRate(
  transfer: () => Promise<number>,
  goesOn: (second: number) => boolean,
): Promise<readonly number[]> {
  const sent: Promise<number>[] = [];
  for (let number = 0; goesOn(number / RATE); number += 1) {
    sent.push(transfer());
    await new Promise((resolve) => setTimeout(resolve, 1_000 / RATE));
  }
  return Promise.all(sent);
}

function quantiles(values: readonly number[]): readonly number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return QUANTILES.map(
    (quantile) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN,
  );
}

async function passed({ miniflare }: RunningPlatform): Promise<number> {
  const db = await miniflare.getD1Database("LEDGER_DB", "playhead-wallet");
  return (await db.prepare("SELECT clearing FROM reconciliation").first<number>("clearing")) ?? 0;
}
