import { beforeEach, describe, expect, it, vi } from "vitest";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import { wire } from "../../src/ledger/wire.ts";
import { Funds, Operations } from "../../src/ledger/worker.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { guardBindings, hungD1, hungObjects, hungService, never } from "../support/workers/hung-bindings.ts";
import { ledgerD1 } from "../ledger/support/ledger-d1.ts";
import {
  forgetCalls,
  forgetGuards,
  guardsMade,
  isOpen,
  opens,
  wasAsked,
} from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const CALLS = 40;

/** The wallet as it is deployed, all of whose upstreams hang; its database too if it says so. */
function wallet({ databaseHangs = false, sink = "queue" } = {}) {
  const env = {
    ...guardBindings(),
    UPSTASH_KAFKA_REST_URL: "https://kafka.example",
    UPSTASH_KAFKA_REST_USERNAME: "wallet",
    UPSTASH_KAFKA_REST_PASSWORD: "secret",
    CHANGES_PIPELINE: hungService(),
    LEDGER: "wallet",
    DELIVERY_SCHEDULE_MS: "2000,4000",
    DELIVERIES_PER_SECOND: "50",
    CHANGE_SINK: sink,
    DEPOSIT_MAX: "1000",
    DEPOSITS_PER_DAY_MAX: "100000",
    LEDGER_DB: databaseHangs ? hungD1() : ledgerD1(),
    PEER: hungService(),
    PEER_QUEUE: hungService(),
    CHANGES_QUEUE: hungService(),
    PUBLISHER: hungObjects(),
    REALTIME: hungService(),
  } as unknown as LedgerEnv;
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  const funds = new Funds(ctx, env);
  const operations = new Operations(ctx, env);
  /** A user with money for a transfer, and one transfer under way. */
  const transferOf = async (index: number) => {
    const user = contextOf(CALL_TIMEOUT_MS.moneyRpc, `user-${index}`);
    await operations.deposit(contextOf(CALL_TIMEOUT_MS.operatorRpc), `user-${index}`, 10, `deposit-${index}`);
    return funds.transfer(user, 1, `transfer-${index}`);
  };
  return { funds, operations, wired: wire(env), transferOf };
}

type Wallet = ReturnType<typeof wallet>;
interface Row {
  readonly what: string;
  readonly databaseHangs?: boolean;
  readonly sink?: string;
  readonly before?: (of: Wallet) => Promise<unknown>;
  readonly call: (of: Wallet, index: number, ms?: number) => Promise<unknown>;
  readonly driving?: Parameters<typeof opens>[2];
}

const settleLater = (): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, 2 * CALL_TIMEOUT_MS.queue));
const delivery = (index: number) => ({
  id: `m${index}`,
  attempts: 1,
  ack: () => undefined,
  retry: () => undefined,
  body: {
    v: 1,
    transferId: `0190a1b2-0000-7000-8000-0000000001${String(index).padStart(2, "0")}`,
    from: "savings",
    userId: "ada",
    amount: 1,
    attempt: 1,
  },
});

/** For each upstream calls that need it, with the time that their caller grants. */
const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "wallet-db": [
    {
      what: "a transfer",
      databaseHangs: true,
      call: ({ funds }, index, ms = CALL_TIMEOUT_MS.moneyRpc) =>
        funds.transfer(contextOf(ms), 1, `key-${index}`),
    },
    {
      what: "an operator's overview",
      databaseHangs: true,
      call: ({ operations }, _index, ms = CALL_TIMEOUT_MS.operatorRpc) => operations.overview(contextOf(ms)),
    },
    { what: "the publisher", databaseHangs: true, call: ({ wired }) => wired.publishOnce() },
  ],
  "wallet-db-readers": [
    {
      what: "funds",
      databaseHangs: true,
      call: ({ funds }, _index, ms = CALL_TIMEOUT_MS.rpc) => funds.funds(contextOf(ms)),
    },
    {
      what: "transfers of a user",
      databaseHangs: true,
      call: ({ funds }, _index, ms = CALL_TIMEOUT_MS.rpc) => funds.list(contextOf(ms), 20, null),
    },
  ],
  "savings-queue": [
    {
      what: "deliveries, sent at once",
      call: async ({ transferOf }, index) => {
        await transferOf(index);
        await settleLater();
      },
    },
  ],
  savings: [
    {
      what: "reports of deliveries",
      call: ({ wired }) =>
        wired.consume({
          queue: "playhead-wallet-deliveries",
          messages: Array.from({ length: CALLS }, (_, index) => delivery(index)),
        } as unknown as MessageBatch),
      driving: { atOnce: 4 },
    },
  ],
  "realtime-pushes": [
    {
      what: "what is told of a settled transfer, by which no report is late",
      call: async ({ wired, transferOf }, index) => {
        const { transferId } = await transferOf(index);
        await wired.settlement.report({ transferId, result: "credited" });
        await new Promise((resolve) => void setTimeout(resolve, CALL_TIMEOUT_MS.push));
      },
      // As many at once as may be, and once more.
      driving: { rounds: 2 },
    },
  ],
  "wallet-changes": ["queue", "kafka", "pipeline"].map((sink) => ({
    what: `changes to a ${sink}`,
    sink,
    before: async ({ wired, transferOf }) => {
      await wired.sweep(Date.now());
      await transferOf(1);
    },
    call: ({ wired }) => wired.publishOnce(),
  })),
  "wallet-publisher": [
    {
      what: "its alarm",
      call: async ({ transferOf }, index) => {
        await transferOf(index);
        await new Promise((resolve) => void setTimeout(resolve, CALL_TIMEOUT_MS.rpc));
      },
      driving: { atOnce: 1, rounds: CALLS },
    },
  ],
};
const EACH = Object.entries(ROWS).flatMap(([upstream, rows]) =>
  rows.map((row) => [upstream, row.what, row] as const),
);

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
  vi.stubGlobal("fetch", () => never);
});

describe("in a ledger", () => {
  it("every guard has its row here", () => {
    wallet();
    expect(guardsMade()).toEqual(Object.keys(ROWS).sort());
  });

  it.each(EACH)(
    "%s that hangs is left alone: %s",
    async (upstream, _what, { databaseHangs = false, sink = "queue", before, call, driving }) => {
      const one = wallet({ databaseHangs, sink });
      await before?.(one);
      expect(await opens(upstream, (index) => call(one, index), driving)).toBe(true);
    },
  );

  const hurried = EACH.filter(
    ([upstream, what]) => upstream.startsWith("wallet-db") && what !== "the publisher",
  );

  it("a database of clients in a hurry has rows here, for what is below", () => {
    expect(hurried.length).toBeGreaterThan(0);
  });

  it.each(hurried)(
    "%s is not taken for ill by clients in a hurry: %s",
    async (upstream, _what, { databaseHangs = false, call }) => {
      const one = wallet({ databaseHangs });
      expect(await opens(upstream, (index) => call(one, index, 130))).toBe(false);
    },
  );

  it.each([
    ["off", [false, false]],
    ["queue", [true, true]],
    ["kafka", [true, true]],
    ["pipeline", [true, true]],
  ] as const)(
    "a change stream that is %s costs a deposit and a credit no call that it doesn't need",
    async (sink, asked) => {
      const { operations, wired } = wallet({ sink });
      await wired.sweep(Date.now());
      forgetCalls("wallet-publisher");
      await operations.deposit(contextOf(CALL_TIMEOUT_MS.operatorRpc), "ada", 10, "deposit-1");
      const messages = [delivery(1)];
      void wired.consume({ queue: "playhead-wallet-deliveries", messages } as unknown as MessageBatch);
      await new Promise((resolve) => void setImmediate(resolve));
      void wired.publishOnce();
      await new Promise((resolve) => void setImmediate(resolve));
      expect([wasAsked("wallet-publisher"), wasAsked("wallet-changes")]).toEqual(asked);
    },
  );

  it("no transfer is refused because the database is too slow for those who only look", async () => {
    const { funds } = wallet({ databaseHangs: true });
    expect(await opens("wallet-db-readers", () => funds.funds(contextOf(CALL_TIMEOUT_MS.rpc)))).toBe(true);
    expect(await isOpen("wallet-db")).toBe(false);
  });
});
