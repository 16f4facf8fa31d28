import { beforeEach, describe, expect, it } from "vitest";
import { createReconcileSweep } from "../../../src/bff/ops/reconcile-sweep.ts";
import type { ReconcilableLedger } from "../../../src/bff/ops/reconcilable-ledger.ts";
import { reconcile } from "../../../src/bff/ops/reconcile.ts";
import { LEDGERS, type LedgerName } from "../../../src/contracts/ledger.ts";
import type { Logger } from "../../../src/platform/logger.ts";
import { TwoLedgers } from "../../support/databases/two-ledgers.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

let world: TwoLedgers;
let lines: unknown[][] = [];
let asked: string[] = [];

beforeEach(async () => {
  world = new TwoLedgers();
  lines = [];
  asked = [];
  await world.deposit("ann", 10_000);
});

const line =
  (level: string) =>
  (event: string, fields: unknown = {}): void =>
    void lines.push([level, event, fields]);
const logger: Logger = {
  debug: () => undefined,
  info: line("info"),
  warn: line("warn"),
  error: line("error"),
};
const sleep = async (ms: number): Promise<void> => void (world.nowMs += ms);

function counted(name: LedgerName): ReconcilableLedger {
  const ledger = world.reconcilable(name);
  const count =
    (method: string, ask: (...args: never[]) => unknown) =>
    (...args: never[]): unknown => {
      asked.push(`${name}.${method}`);
      return ask(...args);
    };
  return Object.fromEntries(
    Object.entries(ledger).map(([method, ask]) => [method, count(method, ask as never)]),
  ) as unknown as ReconcilableLedger;
}

const both = () => ({ wallet: counted("wallet"), savings: counted("savings") });
const cron = createReconcileSweep({ ledgersOfRun: both, now: () => world.nowMs, sleep, logger });
const operator = () => reconcile({ ledgers: both(), now: () => world.nowMs, sleep });

async function minute(): Promise<void> {
  asked = [];
  const endsAtMs = world.nowMs + MINUTE_MS;
  await cron();
  expect(world.nowMs).toBeLessThan(endsAtMs);
  world.nowMs = endsAtMs;
}

async function arrive(times: number, userId = "ann"): Promise<void> {
  for (let time = 0; time < times; time += 1) await world.arrive(await world.debit("wallet", userId, 1));
}
const calls = (method: string): number => asked.filter((ask) => ask.endsWith(`.${method}`)).length;

describe("the cron of the reconciliation", () => {
  it("comes further each minute without any operator, in bounded steps, until everything was looked at", async () => {
    await arrive(5_000);
    world.nowMs += HOUR_MS;
    let minutes = 0;
    for (; minutes === 0 || calls("compared") > 4; minutes += 1) {
      await minute();
      expect(asked.length).toBeLessThan(1_000);
      expect(minutes).toBeLessThan(20);
    }
    expect(lines).toEqual([]);
    expect(await operator()).toMatchObject({ ok: true, behind: 0, ledgers: { wallet: { clearing: 5_000 } } });
  });

  it("asks for little where nothing is behind, and looks at accounts once a day", async () => {
    await arrive(300);
    world.nowMs += HOUR_MS;
    await minute();
    expect(calls("checkAccounts")).toBeGreaterThan(0);
    await minute();
    expect(asked.toSorted()).toEqual(
      LEDGERS.flatMap((name) => [`${name}.books`, `${name}.compared`, `${name}.progress`]).toSorted(),
    );
    world.nowMs += 25 * HOUR_MS;
    await minute();
    expect(calls("checkAccounts")).toBe(2);
    // A walk that a clock gone wrong has dated ahead is none.
    for (const name of LEDGERS)
      world.tamper(name, "UPDATE reconciliation SET walked_at = ?", world.nowMs + 700 * HOUR_MS);
    await minute();
    expect(calls("checkAccounts")).toBe(2);
  });

  it("says aloud what is wrong, each minute anew, and that messages are late without calling it a loss", async () => {
    const sent = await world.debit("wallet", "ann", 10);
    await world.settle(sent);
    const under = await world.debit("wallet", "ann", 20);
    world.nowMs += HOUR_MS;
    for (let minutes = 0; minutes < 2; minutes += 1) {
      lines = [];
      await minute();
      expect(lines).toEqual([
        ["error", "the ledgers disagree", { kind: "transfer_without_credit", ledger: "wallet", id: sent.id }],
        ["warn", "messages are late", { count: 1, first: under.id }],
      ]);
    }
  });

  it("tells twenty of many, and how many more there are", async () => {
    for (let number = 0; number < 30; number += 1) await world.settle(await world.debit("wallet", "ann", 1));
    world.nowMs += HOUR_MS;
    await minute();
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toEqual(["error", "the ledgers disagree", { more: 10 }]);
  });

  it("says aloud what is lost however many messages are late", async () => {
    await arrive(200);
    for (let number = 0; number < 100; number += 1) {
      await world.debit("wallet", "ann", 1);
      await world.debit("savings", "ann", 1);
    }
    const lost = await world.debit("wallet", "ann", 1_000);
    await world.settle(lost);
    world.nowMs += HOUR_MS;
    await minute();
    expect(lines).toContainEqual([
      "error",
      "the ledgers disagree",
      { kind: "transfer_without_credit", ledger: "wallet", id: lost.id },
    ]);
    expect(lines).toContainEqual(["warn", "messages are late", { count: 199, first: expect.any(String) }]);
  });

  it("says that an account has too many movements to be checked, once a day", async () => {
    const part = {
      balance: 0,
      inFlight: 0,
      newestEntry: null,
      entries: { sum: 0, count: 16_000, lonely: [], next: null },
    };
    await arrive(20);
    const sweep = createReconcileSweep({
      ledgersOfRun: () => ({
        wallet: {
          ...world.reconcilable("wallet"),
          accountPart: async () => ({ ...part, transfers: part.entries }),
        },
        savings: world.reconcilable("savings"),
      }),
      now: () => world.nowMs,
      sleep,
      logger,
    });
    await sweep();
    await sweep();
    expect(lines).toEqual([["warn", "accounts could not be checked", { count: 1 }]]);
  });

  it("says aloud that it couldn't, and tries again the next minute", async () => {
    const away = {
      ...world.reconcilable("savings"),
      progress: () => Promise.reject(new Error("savings is away")),
    };
    const failing = createReconcileSweep({
      ledgersOfRun: () => ({ wallet: world.reconcilable("wallet"), savings: away }),
      now: () => world.nowMs,
      sleep,
      logger,
    });
    await failing();
    expect(lines).toEqual([
      ["error", "reconciliation failed", { causes: expect.stringContaining("savings is away") }],
    ]);
  });
});

describe("two reconciliations at once", () => {
  it("leave progress whose sums are those of what was passed, whoever of them is ahead", async () => {
    await arrive(700);
    const under = await world.debit("wallet", "ann", 5);
    world.nowMs += HOUR_MS;
    // Both at once, so that each of their steps may come between two of the other's.
    await Promise.all([cron(), operator(), cron()]);
    await arrive(30);
    await world.arrive(under);
    world.nowMs += HOUR_MS;
    await Promise.all([operator(), cron()]);
    for (const name of LEDGERS) {
      const { sqlite } = world.db[name];
      const sums = sqlite
        .prepare("SELECT clearing, equity, sum_of_entries, through_id FROM reconciliation")
        .get();
      const upTo = (account: string) =>
        sqlite
          .prepare(
            "SELECT coalesce(sum(amount), 0) AS sum FROM entry e, reconciliation WHERE e.account_id = ? AND transfer_id <= through_id",
          )
          .get(account)?.["sum"];
      expect(sums).toMatchObject({ clearing: upTo("clearing"), equity: upTo("equity"), sum_of_entries: 0 });
    }
    expect(lines.filter(([level]) => level === "error")).toEqual([]);
    expect(await operator()).toMatchObject({ ok: true, behind: 0, ledgers: { wallet: { clearing: 735 } } });
  });

  it("pass nothing on from a place where the ledger isn't, and begin anew from where they were only", async () => {
    await arrive(10);
    world.nowMs += HOUR_MS;
    await cron();
    const store = world.reconcilable("wallet");
    const before = await store.progress();
    const open = [world.newId()];
    await store.passed({ from: "", to: world.newId(), open });
    await store.restart({ through: "", difference: 1, equityDifference: 0 });
    expect(await store.progress()).toEqual(before);
    await store.restart({ through: before.through, difference: 1, equityDifference: 0 });
    expect(await store.progress()).toMatchObject({ through: "", open: [] });
  });
});
