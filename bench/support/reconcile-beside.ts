import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import type { ApiClient } from "../../test/support/api-client.ts";
import { makeTransfers } from "./many-transfers.ts";

const TRANSFERS = 2_000_000;
const RATE = 20;
const QUIET_SECONDS = 8;
const CALLS = 4;

interface Beside {
  readonly platform: RunningPlatform;
  readonly api: ApiClient;
  readonly operator: string;
  /** Makes one transfer. Answers how long that took, in ms. */
  readonly transfer: () => Promise<number>;
  readonly percentiles: (values: readonly number[]) => string;
}

/** What reconciling two million transfers does to those that are made meanwhile. `BENCH_RECONCILE=1`: making them takes a minute or two. */
export async function reconcileBeside({ platform, api, operator, transfer, percentiles }: Beside): Promise<void> {
  const startedAtMs = performance.now();
  await makeTransfers(platform, TRANSFERS);
  console.log(
    `${TRANSFERS.toLocaleString("en")} older transfers, made by SQL in ${Math.round((performance.now() - startedAtMs) / 1_000)} s`,
  );
  const alone = await atRate(transfer, (second) => second < QUIET_SECONDS);
  console.log(`at ${RATE}/s, alone: answered in ${percentiles(alone)}`);

  let isReconciling = true;
  const calls = (async () => {
    for (let call = 1; call <= CALLS; call += 1) {
      const calledAtMs = performance.now();
      const { status, body } = await api.call("GET", "/v1/ops/reconcile", { token: operator });
      const tookMs = Math.round(performance.now() - calledAtMs);
      console.log(
        `reconcile, call ${call}: ${status} in ${tookMs} ms, ${await passed(platform)} transfers passed so far, ${JSON.stringify(body)}`,
      );
    }
    isReconciling = false;
  })();
  const beside = await atRate(transfer, () => isReconciling);
  await calls;
  console.log(`at ${RATE}/s, beside it: answered in ${percentiles(beside)} (goal: less than twice)\n`);
}

async function atRate(transfer: () => Promise<number>, goesOn: (second: number) => boolean): Promise<readonly number[]> {
  const sent: Promise<number>[] = [];
  for (let number = 0; goesOn(number / RATE); number += 1) {
    sent.push(transfer());
    await new Promise((resolve) => setTimeout(resolve, 1_000 / RATE));
  }
  return Promise.all(sent);
}

async function passed({ miniflare }: RunningPlatform): Promise<number> {
  const db = await miniflare.getD1Database("LEDGER_DB", "playhead-wallet");
  return (await db.prepare("SELECT clearing FROM reconciliation").first<number>("clearing")) ?? 0;
}
