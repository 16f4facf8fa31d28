import { describe, expect, it } from "vitest";
import { reconcile } from "../../../src/bff/ops/reconcile.ts";
import type { LedgersOfOperators } from "../../../src/bff/ops/ledger-routes.ts";
import type { LedgerBooks, LedgerName } from "../../../src/contracts/ledger.ts";
import { backgroundScope } from "../../../src/platform/call-context.ts";

const BALANCED: LedgerBooks = {
  sumOfEntries: 0,
  clearing: 0,
  inFlight: 0,
  unbalanced: [],
  wrongBalances: [],
  late: [],
  newestCredited: [],
};

/** Two ledgers whose books are as told, look by look; the last ones stay. */
function over(looks: readonly Partial<Record<LedgerName, Partial<LedgerBooks>>>[], sent: readonly string[] = []) {
  const sleeps: number[] = [];
  const ledger = (name: LedgerName): LedgersOfOperators[LedgerName] => {
    let look = 0;
    const service = {
      books: async () => {
        const books = { ...BALANCED, ...looks[Math.min(look, looks.length - 1)]?.[name] };
        look += 1;
        return books;
      },
      sent: async (_ctx: unknown, ids: readonly string[]) => ids.filter((id) => sent.includes(id)),
    };
    const call = (_scope: unknown, _what: string, ask: (service: never, ctx: never) => Promise<unknown>) =>
      ask(service as never, {} as never);
    return { read: call, write: call, idempotentWrite: call } as unknown as LedgersOfOperators[LedgerName];
  };
  const input = {
    ledgers: { wallet: ledger("wallet"), savings: ledger("savings") },
    scope: backgroundScope("r", "", 0),
    sleep: async (ms: number) => void sleeps.push(ms),
  };
  return { run: () => reconcile(input), sleeps };
}

describe("reconciliation", () => {
  it("is content with books that balance, at the first look", async () => {
    const { run, sleeps } = over([{ wallet: { clearing: 70, inFlight: 20 }, savings: { clearing: -50 } }]);
    expect(await run()).toEqual({
      ok: true,
      ledgers: { wallet: { sumOfEntries: 0, clearing: 70 }, savings: { sumOfEntries: 0, clearing: -50 } },
      inFlight: 20,
      mismatches: [],
    });
    expect(sleeps).toEqual([]);
  });

  it("takes no difference between the ledgers for one that it does not see again ten seconds later", async () => {
    const { run, sleeps } = over([{ wallet: { clearing: 70, inFlight: 60 } }, { wallet: { clearing: 70, inFlight: 70 } }]);
    expect((await run()).ok).toBe(true);
    expect(sleeps).toEqual([10_000]);
  });

  it("tells money that is nowhere", async () => {
    const { run } = over([{ wallet: { clearing: 70, inFlight: 60 } }]);
    expect(await run()).toMatchObject({ ok: false, mismatches: [{ kind: "clearing", ledger: null, difference: 10 }] });
  });

  it("tells a credit that no transfer led to", async () => {
    const { run } = over([{ savings: { newestCredited: ["known", "unknown"] } }], ["known"]);
    expect((await run()).mismatches).toEqual([{ kind: "credit_without_transfer", ledger: "savings", id: "unknown" }]);
  });

  it("tells at once what is wrong within a ledger, and what is late", async () => {
    const { run, sleeps } = over([{ wallet: { sumOfEntries: 3, unbalanced: ["t1"], wrongBalances: ["user:a"], late: ["t2"] } }]);
    expect((await run()).mismatches).toEqual([
      { kind: "sum_of_entries", ledger: "wallet", difference: 3 },
      { kind: "unbalanced_transfer", ledger: "wallet", id: "t1" },
      { kind: "wrong_balance", ledger: "wallet", id: "user:a" },
      { kind: "late_message", ledger: "wallet", id: "t2" },
    ]);
    expect(sleeps).toEqual([]);
  });
});
