import { describe, expect, it } from "vitest";
import { addMoneyRoutes } from "../../../src/bff/app/money-routes.ts";
import type { LedgerFunds } from "../../../src/contracts/ledger-entrypoints.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { Transfers } from "../../../src/ledger/biz/transfers.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { payloadHash as hashPayload } from "../../../src/ledger/data/payload-hash.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedD1 } from "../../../src/platform/guard/guarded-d1.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { proxiedD1 } from "../../../testbed/databases/d1-proxy.ts";
import { aDeposit, ledgerD1 } from "../../ledger/support/ledger-d1.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const SCHEDULE = { pausesMs: [2_000], slowMs: 300_000, givesUpAfterMs: 86_400_000 };

/**
 * The BFF over a wallet whose database commits and then loses so many answers. Each layer has its
 * real guard.
 */
async function walletThatLoses(answers: number) {
  const d1 = ledgerD1();
  await d1Transfers(d1, "wallet").deposit(aDeposit({ userId: "ann", amount: amountOf(100) }));
  const events: string[] = [];
  let left = answers;
  const lossy = proxiedD1(d1, async (ask, { isBatch }) => {
    if (!isBatch) return ask();
    events.push("batch");
    const results = await ask();
    if (left > 0) {
      left -= 1;
      throw new Error("D1_ERROR: Network connection lost.");
    }
    return results;
  });
  const db = guardedD1(lossy, {
    guard: testGuard({ upstream: "wallet-db" }),
    patience: () => ({ deadlineAtMs: Date.now() + 2_000 }),
  });
  const sent: string[] = [];
  const transfers = new Transfers({
    ledger: "wallet",
    store: d1Transfers(db, "wallet"),
    sender: { send: async (deliveries) => void sent.push(...deliveries.map(({ transferId }) => transferId)) },
    schedule: SCHEDULE,
    wakePublisher: () => void events.push("woken"),
    background: (work) => void work,
    onFailure: () => undefined,
    hashPayload,
    ids,
    now: Date.now,
    random: () => 0.5,
  });
  const service = {
    transfer: (_ctx: unknown, amount: number, key: string) =>
      transfers.transfer("ann", amountOf(amount), key),
  } as unknown as LedgerFunds;
  const wallet = guardedRpc(service, testGuard({ upstream: "wallet" }));
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "ann", sessionId: "s", roles: ["user"] }),
    logger: createLogger({ worker: "playhead-app-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addMoneyRoutes(app, { ledgers: { wallet, savings: wallet }, movers: { wallet, savings: wallet } }),
  });
  const post = () =>
    bff(
      new Request("https://bff.internal/v1/transfers", {
        method: "POST",
        headers: { "idempotency-key": "k", "content-type": "application/json" },
        body: JSON.stringify({ from: "wallet", to: "savings", amount: 60 }),
      }),
      {},
    );
  const balance = () => d1.sqlite.prepare("SELECT balance FROM account WHERE id = 'user:ann'").get();
  return { post, balance, events };
}

describe("a transfer whose commit is not known to have happened", () => {
  it("is asked for once more by its key, and told as what it is: one transfer", async () => {
    const { post, balance } = await walletThatLoses(1);
    const answer = await post();
    expect([answer.status, await answer.json()]).toEqual([
      202,
      { transferId: expect.any(String), status: "pending" },
    ]);
    expect(balance()).toEqual({ balance: 40 });
  });

  it("is asked for no more than that; then the client is told to ask again, never that nobody must", async () => {
    const { post, balance, events } = await walletThatLoses(2);
    const answer = await post();
    expect([answer.status, answer.headers.get("x-no-retry"), answer.headers.get("retry-after")]).toEqual([
      503,
      null,
      "1",
    ]);
    expect(events.filter((event) => event === "batch")).toHaveLength(2);
    expect((await post()).status).toBe(202);
    expect(balance()).toEqual({ balance: 40 });
  });

  it("is found by the publisher, which was woken before it", async () => {
    const { post, events } = await walletThatLoses(9);
    await post();
    expect(events.slice(0, 2)).toEqual(["woken", "batch"]);
  });
});
