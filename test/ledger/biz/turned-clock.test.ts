import { describe, expect, it } from "vitest";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import type { Delivery } from "../../../src/ledger/biz/delivery.ts";
import { Publisher } from "../../../src/ledger/biz/publisher.ts";
import { Settlement } from "../../../src/ledger/biz/settlement.ts";
import { createSweep } from "../../../src/ledger/biz/sweep.ts";
import { d1Inbox } from "../../../src/ledger/data/d1-inbox.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { aDeposit, ledgerD1 } from "../support/ledger-d1.ts";

const SCHEDULE = {
  pausesMs: [2_000, 4_000, 10_000, 60_000, 180_000],
  slowMs: 300_000,
  givesUpAfterMs: 86_400_000,
};
const MONTH_MS = 30 * 86_400_000;
const SKEW_MS = 300_000;

/** One ledger's outbox with a message in it, and machines around it whose clocks may differ. */
async function setUp({ reporterAheadMs = 0 } = {}) {
  const clock = new VirtualTime();
  const db = ledgerD1();
  const outbox = d1Outbox(db);
  const sent: Delivery[] = [];
  const common = { schedule: SCHEDULE, ids };
  const woken: number[] = [];
  const pruned: number[] = [];
  const wakePublisher = (atMs: number): void => void woken.push(atMs);
  const sender = { send: async (deliveries: readonly Delivery[]) => void sent.push(...deliveries) };
  const publisher = new Publisher({
    ledger: "wallet",
    outbox,
    sender,
    schedule: SCHEDULE,
    deliveriesPerSecond: 50,
    random: () => 0.5,
    now: clock.now,
  });
  const reporter = (): number => clock.now() + reporterAheadMs;
  const settlement = new Settlement({
    outbox,
    inbox: d1Inbox(db),
    wakePublisher,
    tellSettled: () => undefined,
    ...common,
    now: reporter,
  });
  const sweep = createSweep({
    publisher,
    outbox,
    schedule: SCHEDULE,
    retentions: [
      {
        what: "everything",
        prune: async (nowMs) => {
          pruned.push(nowMs);
          return false;
        },
      },
    ],
    changes: { enable: async () => undefined },
    changeStream: true,
    wakePublisher,
    now: clock.now,
    onFailure: (what, error) => {
      throw new Error(what, { cause: error });
    },
  });
  const transfers = d1Transfers(db, "wallet");
  const owner = { payloadHash: "h", amount: amountOf(10) };
  await transfers.deposit(aDeposit({ ...owner, userId: "ann", nowMs: clock.now() }));
  const open = async (): Promise<string> => {
    const [nowMs, id] = [clock.now(), ids.id()];
    await transfers.open({ ...owner, id, owner: "ann", key: "k", nowMs, nextAtMs: nowMs + 2_000 });
    return id;
  };
  const fail = (transferId: string, attempt: number) =>
    settlement.report({ transferId, result: "failed", attempt, reason: "away", permanent: false });
  const state = (id: string) => db.sqlite.prepare("SELECT state, attempts FROM outbox WHERE id = ?").get(id);
  return { clock, publisher, sweep, open, fail, sent, state, woken, pruned };
}

describe("a message on its way, after one reading of a clock a month ahead", () => {
  it("is sent again within a minute of the next sweep, not in a month", async () => {
    const { clock, publisher, sweep, open, sent } = await setUp();
    await open();
    clock.turn(MONTH_MS);
    await publisher.publishDue();
    clock.stepBack(MONTH_MS);
    sent.length = 0;
    clock.turn(60_000);
    await sweep(clock.now());
    expect(sent).toHaveLength(1);
  });

  it("is opened and sent again just so", async () => {
    const { clock, sweep, open, sent } = await setUp();
    clock.turn(MONTH_MS);
    await open();
    clock.stepBack(MONTH_MS);
    clock.turn(60_000);
    await sweep(clock.now());
    expect(sent).toHaveLength(1);
  });

  it("is not given up: a day's time says nothing without a day's sends", async () => {
    const { clock, publisher, open, fail, state } = await setUp();
    const id = await open();
    clock.turn(MONTH_MS);
    await publisher.publishDue();
    await fail(id, 2);
    expect(state(id)).toEqual({ state: "pending", attempts: 2 });
  });

  it("loses nothing that is kept: the sweep prunes by the earlier of two clocks", async () => {
    const { clock, sweep, pruned } = await setUp();
    const scheduledAtMs = clock.now();
    clock.turn(MONTH_MS);
    await sweep(scheduledAtMs);
    clock.stepBack(MONTH_MS);
    await sweep(scheduledAtMs + MONTH_MS);
    expect(pruned).toEqual([scheduledAtMs, scheduledAtMs]);
  });

  it("leaves alone what is only put off as the schedule says", async () => {
    const { clock, publisher, sweep, open, fail, sent } = await setUp();
    const id = await open();
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      await fail(id, attempt);
      clock.turn(360_000);
      await publisher.publishDue();
    }
    sent.length = 0;
    await fail(id, 8);
    clock.turn(60_000);
    await sweep(clock.now());
    expect(sent).toEqual([]);
  });
});

describe("a message that failed", () => {
  it.each([-SKEW_MS, SKEW_MS])(
    "keeps its schedule with the reporting machine's clock %d ms off",
    async (reporterAheadMs) => {
      const { clock, publisher, open, fail, sent, woken } = await setUp({ reporterAheadMs });
      const id = await open();
      await fail(id, 1);
      expect(woken.at(-1)).toBe(clock.now() + 2_000);
      await publisher.publishDue();
      clock.turn(1_999);
      await publisher.publishDue();
      expect(sent).toEqual([]);
      clock.turn(1);
      await publisher.publishDue();
      expect(sent).toHaveLength(1);
      await fail(id, 2);
      clock.turn(3_999);
      await publisher.publishDue();
      expect(sent).toHaveLength(1);
      clock.turn(1);
      await publisher.publishDue();
      expect(sent).toHaveLength(2);
    },
  );
});
