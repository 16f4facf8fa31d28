import { describe, expect, it } from "vitest";
import { amountOf } from "../../../src/ledger/biz/amount.ts";
import type { Delivery } from "../../../src/ledger/biz/delivery.ts";
import { Publisher } from "../../../src/ledger/biz/publisher.ts";
import { publishOnce } from "../../../src/ledger/biz/publish-once.ts";
import { Transfers } from "../../../src/ledger/biz/transfers.ts";
import { d1Operators } from "../../../src/ledger/data/d1-operators.ts";
import { d1Outbox } from "../../../src/ledger/data/d1-outbox.ts";
import { d1Transfers } from "../../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../../src/ledger/data/ids.ts";
import { payloadHash } from "../../../src/ledger/data/payload-hash.ts";
import { LEDGER_MIGRATIONS, UNLIMITED } from "../support/ledger-d1.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const SCHEDULE = {
  pausesMs: [2_000, 4_000, 10_000, 60_000, 180_000],
  slowMs: 300_000,
  givesUpAfterMs: 86_400_000,
};
const PER_SECOND = 50;
const BACKLOG = 5_000;

/**
 * A ledger whose messages are all due at once, as they are when the receiver is back, and the alarm
 * that sends them.
 */
function withBacklog(count: number) {
  const clock = new VirtualTime();
  const db = sqliteD1(LEDGER_MIGRATIONS);
  db.sqlite.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at)
    SELECT printf('%08d-0000-7000-8000-000000000000', i), 'ann', 1, 'pending', 3, ${clock.now()}, ${clock.now()}, ${clock.now()} FROM n`);
  const sent: { readonly delivery: Delivery; readonly atMs: number }[] = [];
  const sender = {
    send: async (deliveries: readonly Delivery[]) =>
      void sent.push(...deliveries.map((delivery) => ({ delivery, atMs: clock.now() }))),
  };
  const outbox = d1Outbox(db);
  const newPublisher = (): Publisher =>
    new Publisher({
      ledger: "wallet",
      outbox,
      sender,
      schedule: SCHEDULE,
      deliveriesPerSecond: PER_SECOND,
      random: () => 0.5,
      now: clock.now,
    });
  const tailer = { run: async () => false };
  const onFailure = (what: string, error: unknown): never => {
    throw new Error(what, { cause: error });
  };
  /**
   * Lets the alarm ring when it is set for, until `untilMs`; before each ring `ring` says which
   * publisher it finds.
   */
  const runUntil = async (untilMs: number, ring: () => Publisher): Promise<void> => {
    for (;;) {
      const nextAtMs = await publishOnce({ publisher: ring(), tailer, now: clock.now, onFailure });
      if (nextAtMs === null || nextAtMs > untilMs) return;
      clock.turn(Math.max(0, nextAtMs - clock.now()));
    }
  };
  return { clock, db, outbox, sender, sent, newPublisher, runUntil };
}

describe("what is due all at once", () => {
  it(`leaves at ${PER_SECOND} a second, in an even stream, each message once`, async () => {
    const { clock, sent, newPublisher, runUntil } = withBacklog(BACKLOG);
    const publisher = newPublisher();
    const startMs = clock.now();
    await runUntil(startMs + 100_000, () => publisher);
    const first = sent.filter(({ delivery }) => delivery.attempt === 4);
    expect(new Set(first.map(({ delivery }) => delivery.transferId)).size).toBe(BACKLOG);
    for (let second = 1; second < 99; second += 1) {
      const within = sent.filter(
        ({ atMs }) => atMs >= startMs + second * 1_000 && atMs < startMs + (second + 1) * 1_000,
      );
      expect(within.length).toBeGreaterThanOrEqual(PER_SECOND - 12);
      expect(within.length).toBeLessThanOrEqual(PER_SECOND + 13);
    }
    expect(sent.length).toBeLessThanOrEqual(101 * PER_SECOND);
  });

  it("leaves no faster where the publisher is made anew: a second's worth more each time", async () => {
    const { clock, sent, newPublisher, runUntil } = withBacklog(BACKLOG);
    const startMs = clock.now();
    for (let life = 1; life <= 5; life += 1) {
      const publisher = newPublisher();
      await runUntil(startMs + life * 4_000, () => publisher);
    }
    expect(sent.length).toBeLessThanOrEqual((20 + 5) * PER_SECOND);
    expect(sent.length).toBeGreaterThanOrEqual(20 * PER_SECOND);
  });

  it("does not delay a new transfer: its first send goes past it", async () => {
    const { clock, db, sender, sent, newPublisher, runUntil } = withBacklog(BACKLOG);
    const publisher = newPublisher();
    await runUntil(clock.now() + 2_000, () => publisher);
    const store = d1Transfers(db, "wallet");
    const money = { amount: amountOf(10), payloadHash: "h", nowMs: clock.now() };
    await store.deposit({
      ...money,
      id: ids.id(),
      actor: "op",
      userId: "bob",
      key: "d",
      auditId: ids.id(),
      limits: UNLIMITED,
    });
    const transfers = new Transfers({
      ledger: "wallet",
      store,
      sender,
      schedule: SCHEDULE,
      wakePublisher: () => undefined,
      background: (work) => void work,
      onFailure: () => undefined,
      hashPayload: payloadHash,
      ids,
      now: clock.now,
      random: () => 0.5,
    });
    const { transferId } = await transfers.transfer("bob", amountOf(10), "k");
    expect(sent.find(({ delivery }) => delivery.transferId === transferId)).toMatchObject({
      atMs: clock.now(),
      delivery: { attempt: 1 },
    });
  });
});

describe("a redriven message", () => {
  it("starts its schedule anew, and is not given up for the sends before it", async () => {
    const { clock, db, outbox, sent, newPublisher } = withBacklog(1);
    const publisher = newPublisher();
    const id = "00000001-0000-7000-8000-000000000000";
    db.sqlite.exec(`UPDATE outbox SET state = 'parked', attempts = 500, driven_at = 0`);
    await d1Operators(db).redrive([id], { id: ids.id(), atMs: clock.now(), actor: "op" });
    await publisher.publishDue();
    expect(sent.map(({ delivery }) => delivery.attempt)).toEqual([501]);
    for (const pauseMs of SCHEDULE.pausesMs) {
      await outbox.release(id, 500 + sent.length, "away");
      clock.turn(Math.max(pauseMs - 1, 0));
      const before = sent.length;
      await publisher.publishDue();
      expect(sent).toHaveLength(before);
      clock.turn(1);
      await publisher.publishDue();
      expect(sent).toHaveLength(before + 1);
    }
    await outbox.release(id, 500 + sent.length, "away");
    clock.turn(86_400_000);
    await publisher.publishDue();
    expect(db.sqlite.prepare("SELECT state FROM outbox").get()).toEqual({ state: "pending" });
  });
});
