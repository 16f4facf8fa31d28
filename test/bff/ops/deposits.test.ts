import { describe, expect, it } from "vitest";
import { addLedgerRoutes } from "../../../src/bff/ops/ledger-routes.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { AccountState, IdentityOperations } from "../../../src/contracts/identity.ts";
import type { LedgerOperations } from "../../../src/contracts/ledger-entrypoints.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import { Deposits } from "../../../src/ledger/biz/deposits.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { payloadHash as hashPayload } from "../../../src/ledger/data/payload-hash.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { ledgerD1, UNLIMITED } from "../../ledger/support/ledger-d1.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const ANN = "0190a1b2-c3d4-7000-8000-0000000000ab";

/** The BFF over the wallet's own deposits, with an identity that knows whom it is told to. */
function opsBff() {
  const db = ledgerD1();
  const known = new Map<string, AccountState>([[ANN, "open"]]);
  const state = { identityIsDown: false, asked: [] as string[] };
  const deposits = new Deposits({
    store: d1Transfers(db, "wallet"),
    limits: UNLIMITED,
    wakePublisher: () => undefined,
    hashPayload,
    ids,
    now: Date.now,
  });
  const wallet = {
    deposit: async (_ctx: unknown, userId: string, amount: number, key: string) => {
      state.asked.push("deposit");
      return deposits.deposit("op", userId, amountOf(amount), key);
    },
    findDeposit: async (_ctx: unknown, userId: string, amount: number, key: string) => {
      state.asked.push("findDeposit");
      return deposits.find("op", userId, amountOf(amount), key);
    },
    reverseDeposit: async (_ctx: unknown, depositId: string) => deposits.reverse("op", depositId),
  } as unknown as LedgerOperations;
  const identity = {
    accountState: async (_ctx: unknown, userId: string) => {
      state.asked.push("accountState");
      if (state.identityIsDown) throw new CodedError("UNAVAILABLE", "identity is away");
      return known.get(userId) ?? null;
    },
  } as unknown as IdentityOperations;
  const rpc = guardedRpc(wallet, testGuard());
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["admin"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addLedgerRoutes(app, {
        ledgers: { wallet: rpc, savings: rpc },
        identity: guardedRpc(identity, testGuard()),
      }),
  });
  async function post(path: string, key?: string, body: unknown = {}) {
    const response = await bff(
      new Request(`https://bff.internal${path}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
        body: JSON.stringify(body),
      }),
      {},
    );
    return {
      status: response.status,
      body: await response.json<{ code?: string; depositId?: string; balance?: number }>(),
    };
  }
  const deposit = (userId: string, key: string, amount = 70) =>
    post(`/v1/ops/wallets/${userId}/deposits`, key, { amount });
  const accounts = () => db.sqlite.prepare("SELECT id, balance FROM account WHERE kind = 'user'").all();
  return { deposit, post, known, state, accounts };
}

describe("a deposit", () => {
  it("is booked for a user whom identity knows, however their id is written, with its own id in the answer", async () => {
    const { deposit, accounts } = opsBff();
    const one = await deposit(ANN, "k");
    expect(one).toEqual({
      status: 201,
      body: { depositId: expect.stringMatching(/^[0-9a-f-]{36}$/), balance: 70 },
    });
    expect(await deposit(ANN.toUpperCase(), "k")).toEqual(one);
    await deposit(ANN.toUpperCase(), "k2", 7_000);
    expect(accounts()).toEqual([{ id: `user:${ANN}`, balance: 7_070 }]);
  });

  it.each(["00000000-0000-0000-0000-000000000000", "0190a1b2-c3d4-7000-8000-0000000000ff", "nobody"])(
    "for a user who is not known is 404 and opens no account: %s",
    async (userId) => {
      const { deposit, accounts } = opsBff();
      expect(await deposit(userId, "k")).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
      expect(accounts()).toEqual([]);
    },
  );

  it("for an erased user is 404, but what was answered before under its key is answered again", async () => {
    const { deposit, known, accounts } = opsBff();
    const before = await deposit(ANN, "k");
    known.set(ANN, "erased");
    expect(await deposit(ANN, "k")).toEqual(before);
    expect((await deposit(ANN, "k", 71)).body.code).toBe("INVALID");
    expect((await deposit(ANN, "k2")).status).toBe(404);
    expect(accounts()).toEqual([{ id: `user:${ANN}`, balance: 70 }]);
  });

  it("waits for identity where it is new, and asks for no more than two calls where all is well", async () => {
    const { deposit, state } = opsBff();
    const before = await deposit(ANN, "k");
    expect(state.asked).toEqual(["accountState", "deposit"]);
    state.identityIsDown = true;
    expect(await deposit(ANN, "k")).toEqual(before);
    expect((await deposit(ANN, "k2")).status).toBe(503);
  });
});

describe("a deposit's reversal", () => {
  it("is by its id, however written, answers the same again, and is made for erased users too", async () => {
    const { deposit, post, known, accounts } = opsBff();
    const { depositId = "" } = (await deposit(ANN, "k")).body;
    known.set(ANN, "erased");
    const told = { status: 200, body: { depositId, balance: 0 } };
    expect(await post(`/v1/ops/deposits/${depositId}/reverse`)).toEqual(told);
    expect(await post(`/v1/ops/deposits/${depositId.toUpperCase()}/reverse`)).toEqual(told);
    expect(accounts()).toEqual([{ id: `user:${ANN}`, balance: 0 }]);
  });

  it("is of the whole: who says how much of it is told so, and nothing is taken back", async () => {
    const { deposit, post, accounts } = opsBff();
    const { depositId = "" } = (await deposit(ANN, "k")).body;
    expect((await post(`/v1/ops/deposits/${depositId}/reverse`, undefined, { amount: 5 })).status).toBe(422);
    expect((await post(`/v1/ops/transfers/${depositId}/refund`, undefined, { amount: 5 })).status).toBe(422);
    expect(accounts()).toEqual([{ id: `user:${ANN}`, balance: 70 }]);
  });

  it("of what is no deposit is 404", async () => {
    const { post } = opsBff();
    for (const id of [crypto.randomUUID(), "nonsense"])
      expect((await post(`/v1/ops/deposits/${id}/reverse`)).status).toBe(404);
  });
});
