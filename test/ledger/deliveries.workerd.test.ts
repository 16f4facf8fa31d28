import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { LedgerChange } from "../../src/contracts/ledger.ts";
import { amountOf } from "../../src/ledger/biz/amount.ts";
import { d1Inbox } from "../../src/ledger/data/d1-inbox.ts";
import {
  as,
  db,
  deliver,
  delivery,
  env,
  funds,
  newId,
  operations,
  operator,
  peer,
  rowOf,
  userWith,
} from "./support/ledger-worker.ts";

describe("a delivery", () => {
  it("is credited once, however often and however many at once it comes, and each time reported", async () => {
    const { userId, ctx } = await userWith(0);
    const message = delivery(userId, 70);
    await peer.heard();
    await Promise.all(Array.from({ length: 8 }, () => deliver([message, message])));
    expect(await funds.funds(ctx)).toEqual({ balance: 70, inFlight: 0 });
    const heard = await peer.heard();
    expect(heard).toHaveLength(16);
    expect(new Set(heard.map((report) => `${report.transferId} ${report.result}`))).toEqual(
      new Set([`${message.transferId} credited`]),
    );
  });

  it("beside poisoned ones is credited all the same, and the poison is kept and reported", async () => {
    const { userId, ctx } = await userWith(0);
    const unreadable = { transferId: newId(), attempt: 2, v: 99 };
    await peer.heard();
    const { acked, retried } = await deliver([
      null,
      "text",
      unreadable,
      delivery(userId, 5),
      { ...delivery(userId, 9), from: "wallet" },
    ]);
    expect([acked.length, retried]).toEqual([5, []]);
    expect(await funds.funds(ctx)).toEqual({ balance: 5, inFlight: 0 });
    expect(await peer.heard()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          transferId: unreadable.transferId,
          result: "failed",
          permanent: true,
          attempt: 2,
        }),
      ]),
    );
    const { deadLetters } = await operations.overview(operator);
    expect(deadLetters).toBeGreaterThanOrEqual(3);
  });

  it("to a closed account is reported as failed for good; opened again, the next one is credited", async () => {
    const { userId, ctx } = await userWith(1);
    await operations.setAccountState(operator, userId, "closed");
    await peer.heard();
    await deliver([delivery(userId, 10)]);
    expect(await peer.heard()).toMatchObject([{ result: "failed", permanent: true }]);
    await operations.setAccountState(operator, userId, "open");
    await deliver([delivery(userId, 10)]);
    expect(await funds.funds(ctx)).toEqual({ balance: 11, inFlight: 0 });
    await expect(operations.setAccountState(operator, "nobody", "closed")).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  it("that can't be reported to its origin comes again", async () => {
    const { userId, ctx } = await userWith(0);
    await peer.behave({ down: true });
    const message = delivery(userId, 3);
    const { retried } = await deliver([message]);
    await peer.behave({});
    expect(retried).toEqual(["m0"]);
    await deliver([message]);
    expect(await funds.funds(ctx)).toEqual({ balance: 3, inFlight: 0 });
  });

  it("racing a refund's fence is either credited or never, and both are told the same", async () => {
    const inbox = d1Inbox(db);
    for (let round = 0; round < 20; round += 1) {
      const { userId, ctx } = await userWith(0);
      const message = {
        ...delivery(userId, 10),
        v: 1 as const,
        from: "savings" as const,
        amount: amountOf(10),
      };
      const credit = (): Promise<unknown> => inbox.credit(message, `credit-${round}`, Date.now());
      const fence = (): Promise<unknown> => inbox.fence(message.transferId, `fence-${round}`, Date.now());
      const [one, other] = await Promise.all(round % 2 === 0 ? [credit(), fence()] : [fence(), credit()]);
      expect(one).toBe(other);
      expect((await funds.funds(ctx)).balance).toBe(one === "credited" ? 10 : 0);
      expect(await rowOf("inbox", "message_id", message.transferId)).toMatchObject({ outcome: one });
    }
  });
});

describe("the publisher", () => {
  const publisher = () => env.PUBLISHER.get(env.PUBLISHER.idFromName("publisher"));

  it("is woken by a commit, keeps the earlier time, sends what is due, and sleeps when nothing is", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    await db.prepare("UPDATE outbox SET next_at = 0 WHERE id = ?1").bind(transferId).run();
    await publisher().wake(Date.now() + 50_000);
    await runDurableObjectAlarm(publisher());
    expect(await rowOf("outbox", "id", transferId)).toMatchObject({ attempts: 2, state: "pending" });
    const armedAtMs = await runInDurableObject(publisher(), (_object, state) => state.storage.getAlarm());
    expect(armedAtMs).not.toBeNull();
    await db.prepare("DELETE FROM outbox").run();
    while (await runDurableObjectAlarm(publisher()));
    expect(await runInDurableObject(publisher(), (_object, state) => state.storage.getAlarm())).toBeNull();
  });

  it("survives its eviction with its alarm", async () => {
    const atMs = Date.now() + 60_000;
    await publisher().wake(atMs);
    await evictDurableObject(publisher());
    expect(await publisher().wake(atMs + 5_000)).toBe(atMs);
    expect(await publisher().wake(atMs - 5_000)).toBe(atMs - 5_000);
  });

  it("publishes changes in order and remembers where it was", async () => {
    const { ctx, userId } = await userWith(100);
    await funds.transfer(ctx, 30, "k");
    await publisher().wake(Date.now());
    await runDurableObjectAlarm(publisher());
    const { changes } = await operations.overview(operator);
    expect(changes.publishedSeq).toBe(changes.newestSeq);
    const list = async (after: number) =>
      (await operations.changes(operator, after, 500)) as readonly LedgerChange[];
    const mine = (await list(0)).filter((change) => change.userId === userId);
    expect(mine.map(({ amount, balance }) => [amount, balance])).toEqual([
      [100, 100],
      [-30, 70],
    ]);
    expect(await operations.changes(as("op"), changes.newestSeq, 10)).toEqual([]);
    // Who asks for a page is told where it goes; who doesn't, as a BFF of the release before, has a
    // list as ever.
    expect(await operations.changes(operator, changes.newestSeq, 10, true)).toEqual({
      items: [],
      sink: "queue",
    });
  });
});
