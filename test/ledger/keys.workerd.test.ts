import { describe, expect, it } from "vitest";
import { amountOf } from "../../src/ledger/biz/amount.ts";
import { d1Outbox } from "../../src/ledger/data/d1-outbox.ts";
import { d1Transfers } from "../../src/ledger/data/d1-transfers.ts";
import { ids } from "../../src/ledger/data/ids.ts";
import { digestOfKey } from "../../src/ledger/data/stored-key.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import {
  as,
  db,
  deliver,
  delivery,
  funds,
  newId,
  operations,
  operator,
  peer,
  rowOf,
  userWith,
} from "./support/ledger-worker.ts";

const OTHER_USE = {
  code: "INVALID",
  errors: [{ path: "Idempotency-Key", message: "money came in from the other ledger under it" }],
};

describe("a key under which money has come in", () => {
  // I35
  it("sends none back, whoever's balance allows it; its user's other keys and other users' same key do", async () => {
    const { userId, ctx } = await userWith(100);
    const other = await userWith(100);
    await deliver([{ ...delivery(userId, 70), keyDigest: digestOfKey("k") }]);
    await expect(funds.transfer(ctx, 70, "k")).rejects.toMatchObject(OTHER_USE);
    await expect(funds.transfer(ctx, 1_000, "k")).rejects.toMatchObject(OTHER_USE);
    expect(await funds.funds(ctx)).toEqual({ balance: 170, inFlight: 0 });
    expect((await funds.transfer(ctx, 70, "k2")).status).toBe("pending");
    expect((await funds.transfer(other.ctx, 70, "k")).status).toBe("pending");
  });

  it("still answers what it sent before that came in", async () => {
    const { userId, ctx } = await userWith(100);
    const receipt = await funds.transfer(ctx, 70, "k");
    await deliver([{ ...delivery(userId, 5), keyDigest: digestOfKey("k") }]);
    expect(await funds.transfer(ctx, 70, "k")).toEqual(receipt);
  });

  it("is not known from messages of the release before, which are credited as ever", async () => {
    const { userId, ctx } = await userWith(0);
    await deliver([delivery(userId, 70)]);
    expect((await funds.transfer(ctx, 70, "k")).status).toBe("pending");
  });
});

describe("a transfer", () => {
  it("asks nothing of the receiver: with that down it is taken as before, and its message carries the key's digest", async () => {
    const { ctx } = await userWith(100);
    await peer.behave({ down: true });
    const { transferId } = await funds.transfer(ctx, 60, "a-key-of-mine");
    await peer.behave({});
    expect(await funds.funds(ctx)).toEqual({ balance: 40, inFlight: 60 });
    expect(await d1Outbox(db).message(transferId)).toMatchObject({ keyDigest: digestOfKey("a-key-of-mine") });
    const { idempotency_key: key } = (await db
      .prepare("SELECT idempotency_key FROM transfer WHERE id = ?1")
      .bind(transferId)
      .first<{ idempotency_key: string }>()) ?? { idempotency_key: "" };
    expect(key).toBe(` ${digestOfKey("a-key-of-mine")}`);
  });

  it("that is refused is RATE_LIMITED where its user holds a thousand refused keys, and those stay refused", async () => {
    const { userId, ctx } = await userWith(10);
    await expect(funds.transfer(ctx, 11, "first")).rejects.toMatchObject({ code: "INSUFFICIENT_FUNDS" });
    await db
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
         INSERT INTO refused (period, owner, key_digest, amount) SELECT r.period, r.owner, 'k' || i, 11 FROM n, refused r WHERE r.owner = ?1`,
      )
      .bind(userId)
      .run();
    await expect(funds.transfer(ctx, 11, "one-more")).rejects.toMatchObject({ code: "RATE_LIMITED" });
    expect(
      await db.prepare("SELECT count(*) AS rows FROM refused WHERE owner = ?1").bind(userId).first("rows"),
    ).toBe(1_000);
    await operations.deposit(operator, userId, 100, `more-${userId}`);
    await expect(funds.transfer(ctx, 11, "first")).rejects.toMatchObject({ code: "INSUFFICIENT_FUNDS" });
    await expect(funds.transfer(ctx, 12, "first")).rejects.toMatchObject({ code: "INVALID" });
    expect((await funds.transfer(ctx, 11, "one-more")).status).toBe("pending");
  });

  it("reads no more rows for a user with many transfers and refused keys than for a new one", async () => {
    const readBy = async (userId: string): Promise<number> => {
      const { metered, rowsRead } = meteredD1(db);
      const transfer = {
        id: newId(),
        owner: userId,
        key: ids.token(),
        payloadHash: "h",
        amount: amountOf(1),
        nowMs: Date.now(),
        nextAtMs: 9e15,
      };
      expect(await d1Transfers(metered, "wallet").open(transfer)).toMatchObject({ outcome: "pending" });
      return rowsRead();
    };
    const [fresh, old] = [await userWith(100), await userWith(100)];
    for (let number = 0; number < 30; number += 1) await funds.transfer(as(old.userId), 1, `k${number}`);
    for (let number = 0; number < 30; number += 1)
      await funds.transfer(old.ctx, 1_000, `r${number}`).catch(() => undefined);
    const [few, many] = [await readBy(fresh.userId), await readBy(old.userId)];
    expect(many).toBeLessThanOrEqual(few + 2);
  });
});

describe("an entry of the clearing account", () => {
  it("says that a message was credited only where money came out of it, not where it went in", async () => {
    const [sender, { userId, ctx }] = [await userWith(100), await userWith(0)];
    const { transferId } = await funds.transfer(sender.ctx, 60, "k");
    await peer.heard();
    // A message under the id of a transfer that left this ledger: nobody knows it as credited, and
    // it can't be.
    await deliver([delivery(userId, 60, transferId)]);
    expect(await peer.heard()).toMatchObject([{ transferId, result: "failed", permanent: false }]);
    expect(await rowOf("inbox", "message_id", transferId)).toBeNull();
    expect(await funds.funds(ctx)).toEqual({ balance: 0, inFlight: 0 });
  });
});
