import { randomUUID } from "node:crypto";
import type { RunningPlatform } from "../scripts/runtime/platform.ts";
import type { LedgerChange, LedgerName } from "../src/contracts/ledger.ts";
import { AMOUNT_MAX } from "../src/contracts/ledger.ts";
import { amountOf } from "../src/ledger/biz/amount.ts";
import { d1Changes } from "../src/ledger/data/d1-changes.ts";
import { d1Inbox } from "../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../src/ledger/data/d1-outbox.ts";
import { d1Retention, INBOX_RETENTION_MS } from "../src/ledger/data/d1-retention.ts";
import { d1Transfers } from "../src/ledger/data/d1-transfers.ts";
import { ids } from "../src/ledger/data/ids.ts";
import { ApiClient } from "../testbed/clients/api-client.ts";
import { meteredD1 } from "../testbed/databases/metered-d1.ts";
import { OPERATOR, startWhole } from "./support/measured-platforms.ts";
import { reconcileBeside } from "./support/reconcile-beside.ts";

const USERS = 24;
const SECONDS = 6;
const CONNECTIONS = 32;
/** Well below what one core does: here latency is that of the path, not of a queue before it. */
const RATE = 20;
const RATE_SECONDS = 10;
const SETTLED_WITHIN_MS = 30_000;
const CHANGES_PER_PAGE = 500;

/** Transfers a second, how long money is on its way, what a transfer writes. */
export async function run(): Promise<void> {
  const platform = await startWhole();
  const api = new ApiClient(platform.url);
  const { token: operator } = await api.signIn(OPERATOR.email, OPERATOR.password);
  const tokens: string[] = [];
  for (let user = 0; user < USERS; user += 1) tokens.push(await userWithMoney(api, operator, user));

  console.log(
    `transfers by ${USERS} users through gateway, BFF and ledger, answered when they are durable; two cores, load included\n`,
  );
  const latencies: number[] = [];
  const startedAtMs = performance.now();
  const untilMs = startedAtMs + SECONDS * 1_000;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, connection) => {
      while (performance.now() < untilMs)
        latencies.push(await transfer(api, tokens[connection % USERS] ?? ""));
    }),
  );
  const rate = latencies.length / ((performance.now() - startedAtMs) / 1_000);
  console.log(
    `as fast as ${CONNECTIONS} connections go: ${Math.round(rate)} transfers/s, answered in ${percentiles(latencies)}`,
  );
  await settled(api, operator);

  const from = {
    wallet: await newestSeq(api, operator, "wallet"),
    savings: await newestSeq(api, operator, "savings"),
  };
  const answers: number[] = [];
  const sent: Promise<unknown>[] = [];
  for (let number = 0; number < RATE * RATE_SECONDS; number += 1) {
    sent.push(transfer(api, tokens[number % USERS] ?? "").then((ms) => answers.push(ms)));
    await new Promise((resolve) => setTimeout(resolve, 1_000 / RATE));
  }
  await Promise.all(sent);
  await settled(api, operator);
  const debits = new Map(
    (await changes(api, operator, "wallet", from.wallet)).map(({ transferId, at }) => [transferId, at]),
  );
  const credits = await changes(api, operator, "savings", from.savings);
  const underWay = credits.map(({ transferId, at }) => at - (debits.get(transferId) ?? Number.NaN));
  console.log(
    `at ${RATE}/s: answered in ${percentiles(answers)}; from debit to credit ${percentiles(underWay)} (goal: p50 < 1 s)`,
  );
  const { body } = await api.call("GET", "/v1/ops/reconcile", { token: operator });
  console.log(`the books afterwards: ${JSON.stringify(body)}\n`);
  await tellRows(platform);
  if (process.env["BENCH_RECONCILE"] === "1") {
    let next = 0;
    const one = (): Promise<number> => transfer(api, tokens[(next += 1) % USERS] ?? "");
    await reconcileBeside({ platform, api, operator, transfer: one });
  }
  await platform.stop();
}

async function userWithMoney(api: ApiClient, operator: string, user: number): Promise<string> {
  const { token, userId } = await api.signUp(`bench-${user}@example.com`);
  const headers = { "idempotency-key": `bench-${user}` };
  await api.call("POST", `/v1/ops/wallets/${userId}/deposits`, {
    token: operator,
    body: { amount: 1_000_000 },
    headers,
  });
  return token;
}

/** One transfer of one cent. Answers how long its answer took, in ms. */
async function transfer(api: ApiClient, token: string): Promise<number> {
  const startedAtMs = performance.now();
  const body = { from: "wallet", to: "savings", amount: 1 };
  const { status } = await api.call("POST", "/v1/transfers", {
    token,
    body,
    headers: { "idempotency-key": randomUUID() },
  });
  if (status !== 202) throw new Error(`a transfer answered ${status}`);
  return performance.now() - startedAtMs;
}

async function settled(api: ApiClient, operator: string): Promise<void> {
  const untilMs = performance.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const { body } = await api.call("GET", "/v1/ops/outbox?ledger=wallet&limit=1", { token: operator });
    if ((body["items"] as readonly unknown[]).length === 0) return;
    if (performance.now() > untilMs) throw new Error("not all transfers have settled");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function newestSeq(api: ApiClient, operator: string, ledger: LedgerName): Promise<number> {
  const { body } = await api.call("GET", "/v1/ops/overview", { token: operator });
  return (body[ledger] as { changes: { newestSeq: number } }).changes.newestSeq;
}

async function changes(
  api: ApiClient,
  operator: string,
  ledger: LedgerName,
  after: number,
): Promise<readonly LedgerChange[]> {
  const found: LedgerChange[] = [];
  for (let cursor = after; ;) {
    const path = `/v1/ops/changes?ledger=${ledger}&after=${cursor}&limit=${CHANGES_PER_PAGE}`;
    const { body } = await api.call("GET", path, { token: operator });
    const items = body["items"] as readonly LedgerChange[];
    found.push(...items);
    if (items.length < CHANGES_PER_PAGE) return found;
    cursor = Number(body["nextAfter"]);
  }
}

function percentiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

/**
 * The rows that D1 itself says it writes for one transfer, from its debit to the pruning of its
 * last trace, in both ledgers.
 */
async function tellRows(platform: RunningPlatform): Promise<void> {
  const table: Record<string, object> = {};
  for (const changeStream of [false, true]) {
    const rows = await rowsOfOne(platform, changeStream);
    table[changeStream ? "with the change stream (goal ≤ 25)" : "without it (goal ≤ 18)"] = {
      "D1 rows": rows,
    };
  }
  console.table(table);
}

async function rowsOfOne({ miniflare }: RunningPlatform, changeStream: boolean): Promise<number> {
  const d1 = async (worker: string) => meteredD1(await miniflare.getD1Database("LEDGER_DB", worker));
  const [wallet, savings] = [await d1("playhead-wallet"), await d1("playhead-savings")];
  const nowMs = Date.now();
  const owner = `metered-${nowMs}-${changeStream}`;
  for (const { metered } of [wallet, savings]) {
    await d1Changes(metered, "wallet").enable(changeStream);
    const deposit = {
      id: ids.id(),
      actor: "bench",
      userId: owner,
      key: owner,
      payloadHash: "",
      amount: amountOf(10),
      auditId: ids.id(),
      nowMs,
      limits: { depositMax: 10, depositsPerDayMax: AMOUNT_MAX },
    };
    await d1Transfers(metered, "wallet").deposit(deposit);
    await d1Changes(metered, "wallet").published(Number.MAX_SAFE_INTEGER);
    while (await d1Retention(metered).prune(nowMs + 2 * INBOX_RETENTION_MS));
  }
  const before = wallet.rows() + savings.rows();
  const id = ids.id();
  await d1Transfers(wallet.metered, "wallet").open({
    id,
    owner,
    key: id,
    payloadHash: "",
    amount: amountOf(1),
    nowMs,
    nextAtMs: nowMs + 2_000,
  });
  await d1Inbox(savings.metered).credit(
    {
      v: 1,
      transferId: id,
      from: "wallet",
      userId: owner,
      amount: amountOf(1),
      attempt: 1,
      keyDigest: id.slice(0, 22),
    },
    ids.token(),
    nowMs,
  );
  await d1Outbox(wallet.metered).settle(id, nowMs);
  for (const { metered } of [wallet, savings]) {
    if (changeStream) await d1Changes(metered, "wallet").published(Number.MAX_SAFE_INTEGER);
    while (await d1Retention(metered).prune(nowMs + 2 * INBOX_RETENTION_MS));
  }
  return wallet.rows() + savings.rows() - before;
}
