import { describe, expect, it } from "vitest";
import { addMoneyRoutes } from "../../../src/bff/app/money-routes.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { LedgerName } from "../../../src/contracts/ledger.ts";
import type { LedgerFunds } from "../../../src/contracts/ledger-entrypoints.ts";
import type { FundsCut } from "../../../src/contracts/ledger-statement.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { DEADLINE_HEADER } from "../../../src/contracts/internal-request.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const ID = "01a21486-057d-7712-8c88-9a37a665137b";
const CUT: FundsCut = { balance: 70, inFlight: 0, paidIn: 70, movements: [], since: "" };
const TRANSFER = {
  transferId: ID,
  from: "wallet",
  to: "savings",
  amount: 5,
  status: "settled",
  createdAt: 1,
};

type Funds = Partial<Record<keyof LedgerFunds, () => Promise<unknown>>>;

const away = async (): Promise<never> => {
  throw new CodedError("UNAVAILABLE", "away");
};
const DOWN: Funds = { cut: away, read: away, list: away };
const well = (transfer: typeof TRANSFER | null): Funds => ({
  cut: async () => CUT,
  read: async () => transfer,
  list: async () => (transfer === null ? [] : [transfer]),
});

/** What the BFF answers over two ledgers, in so many ms at most. */
async function ask(path: string, services: Readonly<Record<LedgerName, Funds>>, patienceMs = 2_000) {
  const guarded = (name: LedgerName) =>
    guardedRpc(services[name] as unknown as LedgerFunds, testGuard({ upstream: name }));
  const ledgers = { wallet: guarded("wallet"), savings: guarded("savings") };
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "ann", sessionId: "s", roles: ["user"] }),
    logger: createLogger({ worker: "playhead-app-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) => addMoneyRoutes(app, { ledgers, movers: ledgers }),
  });
  const startedMs = performance.now();
  const response = await bff(
    new Request(`https://bff.internal${path}`, { headers: { [DEADLINE_HEADER]: String(patienceMs) } }),
    {},
  );
  return { status: response.status, body: await response.json(), tookMs: performance.now() - startedMs };
}

describe("while one ledger is down", () => {
  it("the wallet is what the other says, and the one that is down is named", async () => {
    const { status, body } = await ask("/v1/wallet", { wallet: well(null), savings: DOWN });
    expect([status, body]).toEqual([
      200,
      { wallet: { balance: 70 }, savings: null, inFlight: 0, degraded: ["savings"] },
    ]);
    expect((await ask("/v1/wallet", { wallet: DOWN, savings: DOWN })).status).toBe(503);
  });

  it("and hangs, the wallet is answered before the caller's time is up", async () => {
    const hangs: Funds = { cut: () => new Promise(() => undefined) };
    const { status, body, tookMs } = await ask("/v1/wallet", { wallet: well(null), savings: hangs }, 300);
    expect([status, body]).toMatchObject([
      200,
      { wallet: { balance: 70 }, savings: null, degraded: ["savings"] },
    ]);
    expect(tookMs).toBeLessThan(280);
  });

  it("a list of transfers, which needs both, is 503", async () => {
    for (const services of [
      { wallet: well(TRANSFER), savings: DOWN },
      { wallet: DOWN, savings: well(null) },
    ])
      expect((await ask("/v1/transfers", services)).status).toBe(503);
  });

  it("a transfer that the other has is shown; whether there is none, nobody can say", async () => {
    expect(await ask(`/v1/transfers/${ID}`, { wallet: well(TRANSFER), savings: DOWN })).toMatchObject({
      status: 200,
      body: TRANSFER,
    });
    expect(await ask(`/v1/transfers/${ID}`, { wallet: DOWN, savings: well(TRANSFER) })).toMatchObject({
      status: 200,
      body: TRANSFER,
    });
    expect((await ask(`/v1/transfers/${ID}`, { wallet: well(null), savings: DOWN })).status).toBe(503);
    expect((await ask(`/v1/transfers/${ID}`, { wallet: well(null), savings: well(null) })).status).toBe(404);
  });
});
