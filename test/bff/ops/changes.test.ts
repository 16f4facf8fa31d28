import { describe, expect, it } from "vitest";
import { addLedgerRoutes, type LedgersOfOperators } from "../../../src/bff/ops/ledger-routes.ts";
import type { IdentityOperations } from "../../../src/contracts/identity.ts";
import type { LedgerOperations } from "../../../src/contracts/ledger-entrypoints.ts";
import type { LedgerChange } from "../../../src/contracts/ledger.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const change = (seq: number): LedgerChange => {
  const transferId = `01920000-0000-7000-8000-${String(seq).padStart(12, "0")}`;
  return { seq, ledger: "wallet", userId: "ann", transferId, amount: 1, balance: seq, at: 1 };
};

/** What the route answers over ledgers that answer so. */
async function changesOf(answer: Awaited<ReturnType<LedgerOperations["changes"]>>) {
  const asked: unknown[] = [];
  const service = {
    changes: async (_ctx: unknown, ...page: readonly unknown[]) => (asked.push(page), answer),
  } as unknown as LedgerOperations;
  const ledgers: LedgersOfOperators = {
    wallet: guardedRpc(service, testGuard()),
    savings: guardedRpc(service, testGuard()),
  };
  const identity = guardedRpc({} as unknown as IdentityOperations, testGuard());
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["operator"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) => addLedgerRoutes(app, { ledgers, identity }),
  });
  const path = "/v1/ops/changes?ledger=wallet&after=7&limit=2";
  const response = await bff(new Request(`https://bff.internal${path}`), {});
  return { status: response.status, body: await response.json(), asked };
}

describe("the change stream, as operators read it", () => {
  it("says where it goes, and where to go on", async () => {
    const items = [change(8), change(9)];
    expect(await changesOf({ items, sink: "queue" })).toEqual({
      status: 200,
      body: { items, sink: "queue", nextAfter: 9 },
      asked: [[7, 2, true]],
    });
  });

  it("is empty and says that it is off where it is", async () => {
    const { status, body } = await changesOf({ items: [], sink: "off" });
    expect([status, body]).toEqual([200, { items: [], sink: "off", nextAfter: 7 }]);
  });

  it("is read from a ledger of the release before too, which doesn't say where it goes", async () => {
    const { status, body } = await changesOf([change(8)]);
    expect([status, body]).toEqual([200, { items: [change(8)], nextAfter: 8 }]);
  });
});
