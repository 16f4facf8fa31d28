import { describe, expect, it } from "vitest";
import { codeOf } from "../../src/contracts/errors.ts";
import type { DeliveryReport } from "../../src/contracts/ledger.ts";
import {
  as,
  funds,
  newId,
  operations,
  operator,
  peer,
  rowOf,
  settlement,
  userWith,
} from "./support/ledger-worker.ts";

const outcomes = async (calls: readonly Promise<unknown>[]): Promise<readonly string[]> =>
  (await Promise.allSettled(calls))
    .map((outcome) => (outcome.status === "fulfilled" ? "taken" : codeOf(outcome.reason)))
    .toSorted();

describe("transfers", () => {
  // I32
  it("sixty at once against money for ten: ten are taken, fifty refused, nothing is left and nothing owed", async () => {
    const { ctx } = await userWith(1_000);
    const codes = await outcomes(
      Array.from({ length: 60 }, (_, index) => funds.transfer(ctx, 100, `race-${index}`)),
    );
    expect(codes.filter((code) => code === "taken")).toHaveLength(10);
    expect(codes.filter((code) => code === "INSUFFICIENT_FUNDS")).toHaveLength(50);
    expect(await funds.funds(ctx)).toEqual({ balance: 0, inFlight: 1_000 });
  });

  // I31
  it("with one key thirty times at once are one transfer", async () => {
    const { ctx } = await userWith(1_000);
    const receipts = await Promise.all(Array.from({ length: 30 }, () => funds.transfer(ctx, 100, "same")));
    expect(new Set(receipts.map(({ transferId }) => transferId)).size).toBe(1);
    expect(await funds.funds(ctx)).toEqual({ balance: 900, inFlight: 100 });
  });

  // I36
  it("keep their key for good: with its payload, its refusal, its caller", async () => {
    const { ctx, userId } = await userWith(100);
    const other = await userWith(100);
    await expect(funds.transfer(ctx, 101, "key")).rejects.toMatchObject({ code: "INSUFFICIENT_FUNDS" });
    await operations.deposit(operator, userId, 900, `more-${userId}`);
    await expect(funds.transfer(ctx, 101, "key")).rejects.toMatchObject({ code: "INSUFFICIENT_FUNDS" });
    await expect(funds.transfer(ctx, 100, "key")).rejects.toMatchObject({ code: "INVALID" });
    expect((await funds.transfer(other.ctx, 100, "key")).status).toBe("pending");
  });

  it("end as settled when the other ledger says so, once however often it says it", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 60, "k");
    for (let times = 0; times < 3; times += 1)
      await settlement.report(ctx, { transferId, result: "credited" });
    expect(await funds.transfer(ctx, 60, "k")).toEqual({ transferId, status: "settled" });
    expect(await funds.funds(ctx)).toEqual({ balance: 40, inFlight: 0 });
    expect(await rowOf("outbox", "id", transferId)).toBeNull();
  });

  it("belong to their owner: nobody else reads or lists them", async () => {
    const [owner, stranger] = [await userWith(100), await userWith(0)];
    const { transferId } = await funds.transfer(owner.ctx, 10, "k");
    expect(await funds.read(owner.ctx, transferId)).toMatchObject({
      transferId,
      from: "wallet",
      to: "savings",
      amount: 10,
    });
    expect(await funds.read(stranger.ctx, transferId)).toBeNull();
    expect(await funds.list(stranger.ctx, 10, null)).toEqual([]);
  });

  it("are listed newest first, page by page, without those that failed", async () => {
    const { ctx } = await userWith(100);
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1)
      made.push((await funds.transfer(ctx, 10, `k${index}`)).transferId);
    await funds.transfer(ctx, 1_000, "too much").catch(() => undefined);
    const first = await funds.list(ctx, 3, null);
    const rest = await funds.list(ctx, 3, first.at(-1)?.transferId ?? null);
    expect([...first, ...rest].map(({ transferId }) => transferId)).toEqual(made.toReversed());
  });
});

describe("a failed delivery", () => {
  it("is put off with its reason, and a late report of an earlier send changes nothing", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    await settlement.report(ctx, {
      transferId,
      result: "failed",
      attempt: 1,
      reason: "busy",
      permanent: false,
    });
    expect(await rowOf("outbox", "id", transferId)).toMatchObject({
      state: "pending",
      attempts: 1,
      last_error: "busy",
    });
    await settlement.report(ctx, {
      transferId,
      result: "failed",
      attempt: 7,
      reason: "another",
      permanent: true,
    });
    expect(await rowOf("outbox", "id", transferId)).toMatchObject({ state: "pending", last_error: "busy" });
  });

  it("that is permanent is parked, shown, and an operator's to redrive or refund, each audited", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    await settlement.report(ctx, {
      transferId,
      result: "failed",
      attempt: 1,
      reason: "closed",
      permanent: true,
    });
    expect(await funds.read(ctx, transferId)).toMatchObject({ status: "parked" });
    const shown = await operations.outbox(operator, { status: "parked", limit: 100 });
    expect(shown.find((message) => message.transferId === transferId)).toMatchObject({
      lastError: "closed",
      nextAttemptAt: null,
      attempts: 1,
    });
    expect(await operations.redrive(operator, { ids: [transferId] }, true)).toEqual({
      redriven: [transferId],
    });
    expect(await funds.read(ctx, transferId)).toMatchObject({ status: "parked" });
    await peer.behave({ fence: "void" });
    expect(await operations.refund(operator, transferId)).toEqual({ transferId, status: "refunded" });
    expect(await operations.refund(operator, transferId)).toEqual({ transferId, status: "refunded" });
    expect(await funds.funds(ctx)).toEqual({ balance: 100, inFlight: 0 });
    expect(await operations.refund(operator, newId())).toBeNull();
  });

  it("is not refunded if it was credited after all: it is settled instead", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    await settlement.report(ctx, {
      transferId,
      result: "failed",
      attempt: 1,
      reason: "closed",
      permanent: true,
    });
    await peer.behave({ fence: "credited" });
    await expect(operations.refund(operator, transferId)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await funds.read(ctx, transferId)).toMatchObject({ status: "settled" });
    expect(await funds.funds(ctx)).toEqual({ balance: 90, inFlight: 0 });
    await peer.behave({});
  });

  it("of which the other ledger says a word that nobody knows is neither settled nor refunded, and the operator is told", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    await settlement.report(ctx, {
      transferId,
      result: "failed",
      attempt: 1,
      reason: "closed",
      permanent: true,
    });
    await peer.behave({ fence: "credited_v2" });
    await expect(operations.refund(operator, transferId)).rejects.toMatchObject({ code: "CONFLICT" });
    const report = { transferId, result: "credited_v2" } as unknown as DeliveryReport;
    await expect(settlement.report(ctx, report)).rejects.toMatchObject({ code: "INVALID" });
    expect(await funds.read(ctx, transferId)).toMatchObject({ status: "parked" });
    expect(await funds.funds(ctx)).toEqual({ balance: 90, inFlight: 10 });
    await peer.behave({});
    expect(await operations.refund(operator, transferId)).toMatchObject({ status: "refunded" });
  });

  it("that is under way can't be refunded", async () => {
    const { ctx } = await userWith(100);
    const { transferId } = await funds.transfer(ctx, 10, "k");
    await expect(operations.refund(operator, transferId)).rejects.toMatchObject({ code: "CONFLICT" });
  });
});

describe("deposits", () => {
  it("are booked once for each key of the operator's, out of equity", async () => {
    const { userId, ctx } = await userWith(0);
    const deposits = Array.from({ length: 10 }, () =>
      operations.deposit(operator, userId, 500, `d-${userId}`),
    );
    const receipts = await Promise.all(deposits);
    expect(new Set(receipts.map((receipt) => JSON.stringify(receipt)))).toEqual(
      new Set([JSON.stringify({ depositId: receipts[0]?.depositId, balance: 500 })]),
    );
    await expect(operations.deposit(operator, userId, 501, `d-${userId}`)).rejects.toMatchObject({
      code: "INVALID",
    });
    expect(await operations.deposit(as("another operator"), userId, 1, `d-${userId}`)).toMatchObject({
      balance: 501,
    });
    expect(await funds.funds(ctx)).toEqual({ balance: 501, inFlight: 0 });
  });

  it("beyond what one may be are refused by that rule, and the ledger takes others as before", async () => {
    const { userId } = await userWith(1);
    await expect(operations.deposit(operator, userId, 9_007_199_250_000_000, "huge")).rejects.toMatchObject({
      code: "INVALID",
      errors: [{ path: "amount", message: "must be at most 100000000" }],
    });
    expect(await operations.deposit(operator, userId, 1, "small")).toMatchObject({ balance: 2 });
  });

  it("are taken back once, by their id, whether or not anybody waits for the first answer", async () => {
    const { userId, ctx } = await userWith(0);
    const { depositId } = await operations.deposit(operator, userId, 500, `d-${userId}`);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => operations.reverseDeposit(operator, depositId)),
    );
    expect(new Set(answers.map(({ balance }) => balance))).toEqual(new Set([0]));
    expect(await funds.funds(ctx)).toEqual({ balance: 0, inFlight: 0 });
    expect(await operations.findDeposit(operator, userId, 500, `d-${userId}`)).toEqual({
      depositId,
      balance: 0,
    });
    await expect(operations.reverseDeposit(operator, newId())).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("that have been spent are not taken back", async () => {
    const { userId, ctx } = await userWith(0);
    const { depositId } = await operations.deposit(operator, userId, 500, `d-${userId}`);
    await funds.transfer(ctx, 1, "k");
    await expect(operations.reverseDeposit(operator, depositId)).rejects.toMatchObject({
      code: "INSUFFICIENT_FUNDS",
    });
    expect((await funds.funds(ctx)).balance).toBe(499);
  });
});

describe("the books", () => {
  it("balance, whatever has happened above", async () => {
    const books = await operations.books(operator, { withSums: true });
    expect(books).toMatchObject({ sumOfEntries: 0, clearingExcess: 0, equityExcess: 0 });
    expect(books.clearing).toBeGreaterThanOrEqual(books.inFlight);
    expect((await operations.checkAccounts(operator, { after: "", limit: 10 })).findings).toEqual([]);
  });
});
