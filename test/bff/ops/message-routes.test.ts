import { describe, expect, it } from "vitest";
import type { LedgersOfOperators } from "../../../src/bff/ops/ledger-routes.ts";
import { addMessageRoutes } from "../../../src/bff/ops/message-routes.ts";
import type { IdentityOperations } from "../../../src/contracts/identity.ts";
import type { DeadLetter } from "../../../src/contracts/ledger-operators.ts";
import type { LedgerName } from "../../../src/contracts/ledger.ts";
import type { LedgerOperations } from "../../../src/contracts/ledger-entrypoints.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const transfer = (index: number): string => `01920000-0000-7000-8000-${String(index).padStart(12, "0")}`;
const letter = (index: number, transferId: string | null = transfer(index)): DeadLetter => {
  return { id: `letter-${index}`, transferId, reason: "why", attempts: 11, at: 1_000 - index, body: {} };
};
const line = (index: number) => ({
  id: transfer(index),
  at: 1,
  actor: "op",
  action: "a",
  target: "t",
  detail: {},
});

/** The BFF over two ledgers: savings keeps the letters, wallet has those messages in its outbox. */
function opsBff(letters: readonly DeadLetter[] = [], underWay: readonly string[] = []) {
  const asked: (readonly [string, string, unknown])[] = [];
  const ledger = (name: LedgerName) => {
    const service = {
      deadLetters: async (_ctx: unknown, page: { limit: number; cursor?: string }) => {
        asked.push([name, "deadLetters", page]);
        const from = letters.findIndex(({ at, id }) => `${at}.${id}` === page.cursor) + 1;
        return letters.slice(from, from + page.limit);
      },
      deadLettersNamed: async (_ctx: unknown, ids: readonly string[]) =>
        letters.filter(({ id }) => ids.includes(id)),
      forgetDeadLetters: async (_ctx: unknown, ids: readonly string[]) => {
        asked.push([name, "forgetDeadLetters", ids]);
        return ids;
      },
      redrive: async (_ctx: unknown, { ids }: { ids: readonly string[] }, dryRun: boolean) => {
        asked.push([name, "redrive", { ids, dryRun }]);
        return { redriven: ids.filter((id) => underWay.includes(id)) };
      },
      park: async (_ctx: unknown, ids: readonly string[]) => {
        asked.push([name, "park", ids]);
        return ids;
      },
      audit: async (_ctx: unknown, page: { limit: number }) => {
        asked.push([name, "audit", page]);
        return [line(9), line(8), line(7)].slice(0, page.limit);
      },
    } as unknown as LedgerOperations;
    return guardedRpc(service, testGuard());
  };
  const identity = {
    audit: async (_ctx: unknown, page: unknown) => {
      asked.push(["identity", "audit", page]);
      return [];
    },
  } as unknown as IdentityOperations;
  const ledgers: LedgersOfOperators = { wallet: ledger("wallet"), savings: ledger("savings") };
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "op", sessionId: "s", roles: ["admin"] }),
    logger: createLogger({ worker: "playhead-ops-bff", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) => addMessageRoutes(app, { ledgers, identity: guardedRpc(identity, testGuard()) }),
  });
  async function call(method: string, path: string, body?: unknown) {
    const response = await bff(
      new Request(`https://bff.internal${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
      {},
    );
    return { status: response.status, body: await response.json<Record<string, unknown>>() };
  }
  return { call, asked };
}

describe("dead letters", () => {
  const REDRIVE = "/v1/ops/dead-letters/redrive";

  it("are redriven by their origin from its outbox, never by what they say themselves, and go then", async () => {
    const { call, asked } = opsBff(
      [letter(1), letter(2), letter(3, null), letter(4, transfer(1))],
      [transfer(1)],
    );
    const { status, body } = await call("POST", REDRIVE, { ledger: "savings", all: true });
    expect(status).toBe(200);
    expect(body).toEqual({
      redriven: ["letter-1", "letter-4"],
      ended: ["letter-2"],
      unreadable: ["letter-3"],
    });
    expect(asked.slice(1)).toEqual([
      ["wallet", "redrive", { ids: [transfer(1), transfer(2)], dryRun: false }],
      ["savings", "forgetDeadLetters", ["letter-1", "letter-2", "letter-4"]],
    ]);
  });

  it("that say they are from another than the other ledger stay: it knows nothing of them", async () => {
    const stranger = { ...letter(1), body: { v: 1, transferId: transfer(1), from: "savings" } };
    const { call, asked } = opsBff([stranger], [transfer(1)]);
    const { body } = await call("POST", REDRIVE, { ledger: "savings", all: true });
    expect(body).toEqual({ redriven: [], ended: [], unreadable: ["letter-1"] });
    expect(asked.map(([, method]) => method)).toEqual(["deadLetters"]);
  });

  it("stay in a dry run, which says what would become of them", async () => {
    const { call, asked } = opsBff([letter(1), letter(2)], [transfer(2)]);
    const order = { ledger: "savings", ids: ["letter-1", "letter-2", "letter-9"], dryRun: true };
    expect((await call("POST", REDRIVE, order)).body).toEqual({
      redriven: ["letter-2"],
      ended: ["letter-1"],
      unreadable: [],
    });
    expect(asked).toEqual([["wallet", "redrive", { ids: [transfer(1), transfer(2)], dryRun: true }]]);
  });

  it("that nobody can read ask nobody for anything, and block no others: the next page begins behind them", async () => {
    const { call, asked } = opsBff(Array.from({ length: 150 }, (_, index) => letter(index, null)));
    const first = (await call("POST", REDRIVE, { ledger: "savings", all: true })).body;
    expect(first["nextCursor"]).toBe("901.letter-99");
    const second = (
      await call("POST", REDRIVE, { ledger: "savings", all: true, cursor: first["nextCursor"] })
    ).body;
    expect([first["unreadable"], second["unreadable"]].map((ids) => (ids as string[]).length)).toEqual([
      100, 50,
    ]);
    expect(second["nextCursor"]).toBeUndefined();
    expect(asked.map(([, method]) => method)).toEqual(["deadLetters", "deadLetters"]);
  });

  it("are listed with a cursor for as long as there are more", async () => {
    const { call } = opsBff([letter(1), letter(2), letter(3)]);
    const { body } = await call("GET", "/v1/ops/dead-letters?ledger=savings&limit=2");
    expect(body).toEqual({ items: [letter(1), letter(2)], nextCursor: "998.letter-2" });
    expect(
      (await call("GET", `/v1/ops/dead-letters?ledger=savings&cursor=${String(body["nextCursor"])}`)).body,
    ).toEqual({
      items: [letter(3)],
    });
  });
});

describe("the audit trail", () => {
  it("is that of identity where nothing is named", async () => {
    const { call, asked } = opsBff();
    expect((await call("GET", "/v1/ops/audit")).body).toEqual({ items: [] });
    expect(asked.map(([of]) => of)).toEqual(["identity"]);
  });

  it("is that of the ledger or service which is named", async () => {
    const { call, asked } = opsBff();
    expect((await call("GET", "/v1/ops/audit?ledger=wallet&limit=2")).body).toEqual({
      items: [line(9), line(8)],
      nextCursor: transfer(8),
    });
    await call("GET", `/v1/ops/audit?source=savings&cursor=${transfer(9)}`);
    expect((await call("GET", "/v1/ops/audit?source=identity")).body).toEqual({ items: [] });
    expect(asked).toMatchObject([
      ["wallet", "audit", { limit: 3 }],
      ["savings", "audit", { limit: 21, cursor: transfer(9) }],
      ["identity", "audit", { limit: 21 }],
    ]);
  });
});

describe("a message", () => {
  it("is parked by its transfer's id, however that is written", async () => {
    const { call, asked } = opsBff();
    const id = "01920000-ABCD-7000-8000-000000000001";
    expect((await call("POST", "/v1/ops/outbox/park", { ledger: "wallet", ids: [id] })).body).toEqual({
      parked: [id.toLowerCase()],
    });
    expect(asked).toEqual([["wallet", "park", [id.toLowerCase()]]]);
  });
});

describe("an order that says too little or too much", () => {
  it.each([
    ["POST", "/v1/ops/dead-letters/redrive", { ledger: "savings" }],
    ["POST", "/v1/ops/dead-letters/redrive", { ledger: "savings", ids: ["a"], all: true }],
    ["POST", "/v1/ops/dead-letters/redrive", { ledger: "savings", ids: ["a"], cursor: "1.a" }],
    ["POST", "/v1/ops/outbox/park", { ledger: "wallet", ids: [] }],
    ["GET", "/v1/ops/dead-letters?limit=10", undefined],
    ["GET", "/v1/ops/dead-letters?ledger=wallet&limit=101", undefined],
    ["GET", "/v1/ops/audit?ledger=wallet&source=wallet", undefined],
    ["GET", "/v1/ops/audit?source=history", undefined],
  ])("is INVALID: %s %s %j", async (method, path, body) => {
    const { call, asked } = opsBff();
    expect(await call(method, path, body)).toMatchObject({ status: 422, body: { code: "INVALID" } });
    expect(asked).toEqual([]);
  });
});
