import { runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
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
  settlement,
  userWith,
} from "./support/ledger-worker.ts";

const page = { limit: 101 };
const outboxRow = (id: string) => rowOf<Readonly<Record<string, unknown>>>("outbox", "id", id);
const publisher = () => env.PUBLISHER.get(env.PUBLISHER.idFromName("publisher"));
const newest = async () => (await operations.audit(operator, { limit: 1 }))[0];

/** So many messages that were parked, the oldest first; nothing else is in the outbox. */
async function parkedMessages(count: number): Promise<readonly string[]> {
  await db.prepare("DELETE FROM outbox").run();
  const ids = Array.from({ length: count }, newId);
  await db
    .prepare(
      `INSERT INTO outbox (id, user_id, amount, state, attempts, next_at, created_at, driven_at)
       SELECT value, 'ann', 1, 'parked', 3, 0, key, key FROM json_each(?1)`,
    )
    .bind(JSON.stringify(ids))
    .run();
  return ids;
}

describe("a redrive by status", () => {
  it("goes on where it stopped, and ends, though what it redrives is parked again at once", async () => {
    const ids = await parkedMessages(250);
    const walked: string[] = [];
    let cursor: string | undefined;
    for (let call = 1; call <= 3; call += 1) {
      const { redriven, nextCursor } = await operations.redrive(
        operator,
        { status: "parked", cursor },
        false,
      );
      walked.push(...redriven);
      await db.prepare("UPDATE outbox SET state = 'parked'").run();
      cursor = nextCursor;
      expect(cursor === undefined).toBe(call === 3);
    }
    expect(walked).toEqual(ids);
  });

  it("takes whoever was driven longest ago first: without a cursor too nobody is taken twice before everybody was", async () => {
    const ids = await parkedMessages(250);
    const walked: string[] = [];
    for (let call = 1; call <= 3; call += 1) {
      walked.push(...(await operations.redrive(operator, { status: "parked" }, false)).redriven);
      await db.prepare("UPDATE outbox SET state = 'parked'").run();
    }
    expect(new Set(walked)).toEqual(new Set(ids));
  });

  it("says in a dry run, page by page, what it would take, and takes nothing", async () => {
    const ids = await parkedMessages(120);
    const first = await operations.redrive(operator, { status: "parked" }, true);
    const second = await operations.redrive(operator, { status: "parked", cursor: first.nextCursor }, true);
    expect([...first.redriven, ...second.redriven]).toEqual(ids);
    expect(await db.prepare("SELECT count(*) AS n FROM outbox WHERE state = 'parked'").first("n")).toBe(120);
  });
});

describe("a message parked by hand", () => {
  it("stays until it is redriven; the audit says who did it", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    expect(await operations.park(operator, [transferId, newId()])).toEqual([transferId]);
    expect(await newest()).toMatchObject({
      actor: "operator",
      action: "park",
      detail: { messages: [{ id: transferId, attempts: 1 }] },
    });
    await db.prepare("UPDATE outbox SET next_at = 0 WHERE id = ?1").bind(transferId).run();
    await publisher().wake(Date.now());
    await runDurableObjectAlarm(publisher());
    await settlement.report(operator, {
      transferId,
      result: "failed",
      attempt: 1,
      reason: "late",
      permanent: false,
    });
    expect(await outboxRow(transferId)).toMatchObject({
      state: "parked",
      attempts: 1,
      last_error: "held back by an operator",
    });
    expect(await funds.read(ctx, transferId)).toMatchObject({ status: "parked" });
    expect(await operations.park(operator, [transferId])).toEqual([]);
    expect(await operations.redrive(operator, { ids: [transferId] }, false)).toEqual({
      redriven: [transferId],
    });
    expect(await outboxRow(transferId)).toMatchObject({ state: "pending", attempts_before: 1 });
  });

  it("is settled all the same where it has arrived", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    await operations.park(operator, [transferId]);
    await settlement.report(operator, { transferId, result: "credited" });
    expect(await funds.read(ctx, transferId)).toMatchObject({ status: "settled" });
    expect(await outboxRow(transferId)).toBeNull();
  });

  it("leaves no line of audit where nothing was pending", async () => {
    const before = await newest();
    expect(await operations.park(operator, [newId()])).toEqual([]);
    expect(await newest()).toEqual(before);
  });
});

describe("an account", () => {
  it("that is frozen neither takes nor sends, and nothing under way is lost", async () => {
    const { ctx, userId } = await userWith(100);
    const { transferId: arrives } = await funds.transfer(ctx, 10, "before");
    const { transferId: returns } = await funds.transfer(ctx, 20, "before-too");
    await operations.setAccountState(operator, userId, "frozen");
    await expect(funds.transfer(ctx, 1, "frozen")).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(await funds.transfer(ctx, 10, "before")).toMatchObject({ transferId: arrives });
    await peer.heard();
    await deliver([delivery(userId, 5)]);
    expect(await peer.heard()).toMatchObject([{ result: "failed", permanent: true }]);
    await expect(operations.deposit(operator, userId, 5, "frozen")).rejects.toMatchObject({
      code: "INVALID",
    });

    await settlement.report(operator, { transferId: arrives, result: "credited" });
    await settlement.report(operator, { transferId: returns, result: "void" });
    expect(await funds.funds(ctx)).toEqual({ balance: 90, inFlight: 0 });
  });

  it("that is opened again takes and sends: a key that was refused meanwhile is a new one", async () => {
    const { ctx, userId } = await userWith(100);
    await operations.setAccountState(operator, userId, "frozen");
    await expect(funds.transfer(ctx, 1, "k")).rejects.toMatchObject({ code: "FORBIDDEN" });
    await operations.setAccountState(operator, userId, "open");
    expect(await funds.transfer(ctx, 2, "k")).toMatchObject({ status: "pending" });
    await deliver([delivery(userId, 5)]);
    expect(await funds.funds(ctx)).toEqual({ balance: 103, inFlight: 2 });
  });

  it("that is closed takes nothing and sends; each state is in the audit", async () => {
    const { ctx, userId } = await userWith(100);
    for (const state of ["frozen", "closed"] as const) {
      await operations.setAccountState(operator, userId, state);
      expect(await newest()).toMatchObject({
        action: "set-account-state",
        target: userId,
        detail: { state },
      });
    }
    expect(await funds.transfer(ctx, 1, "k")).toMatchObject({ status: "pending" });
    await peer.heard();
    await deliver([delivery(userId, 5)]);
    expect(await peer.heard()).toMatchObject([{ result: "failed", permanent: true }]);
  });
});

describe("dead letters", () => {
  it("are listed newest first, page by page, with what they are about", async () => {
    await db.prepare("DELETE FROM dead_letter").run();
    const message = delivery("ann", 5);
    for (const body of [
      message,
      { v: 99, transferId: message.transferId.toUpperCase() },
      "no words of ours",
    ]) {
      await deliver([body], "playhead-wallet-deliveries-dead");
      await db
        .prepare(
          "UPDATE dead_letter SET id = 'letter.' || (SELECT count(*) FROM dead_letter), at = 7 WHERE id = 'm0'",
        )
        .run();
    }
    const all = await operations.deadLetters(operator, page);
    expect(all.map(({ id, transferId }) => [id, transferId])).toEqual([
      ["letter.3", null],
      ["letter.2", message.transferId],
      ["letter.1", message.transferId],
    ]);
    expect(all.at(-1)).toMatchObject({
      reason: "the queue gave up on it",
      attempts: 1,
      at: 7,
      body: message,
    });
    expect(await operations.deadLetters(operator, { limit: 1, cursor: "7.letter.2" })).toEqual([all[2]]);
    expect(await operations.deadLettersNamed(operator, ["letter.2", "letter.9"])).toEqual([all[1]]);
  });

  it("that are forgotten leave a line in the audit, once", async () => {
    await db.prepare("DELETE FROM dead_letter").run();
    await deliver([delivery("ann", 5)], "playhead-wallet-deliveries-dead");
    expect(await operations.forgetDeadLetters(operator, ["m0", "other"])).toEqual(["m0"]);
    const line = await newest();
    expect(line).toMatchObject({ action: "redrive-dead-letters", detail: { letters: ["m0"] } });
    expect(await operations.forgetDeadLetters(operator, ["m0"])).toEqual([]);
    expect(await newest()).toEqual(line);
  });
});

describe("the audit trail", () => {
  it("is read newest first, page by page, and its amounts are integers", async () => {
    const { userId } = await userWith(99_999_937);
    await userWith(5);
    const [last, before] = await operations.audit(operator, { limit: 2 });
    expect(before).toMatchObject({ action: "deposit", target: userId, actor: "operator" });
    expect(await operations.audit(operator, { limit: 1, cursor: last?.id })).toEqual([before]);
    const { results } = await db.prepare("SELECT detail FROM audit").all<{ detail: string }>();
    expect(results.filter(({ detail }) => /\d\.\d/.test(detail))).toEqual([]);
    expect(before?.detail).toMatchObject({ amount: 99_999_937 });
  });
});
