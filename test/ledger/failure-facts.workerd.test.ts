import { describe, expect, it } from "vitest";
import { hintsOf } from "../../src/contracts/errors.ts";
import { as, db, funds, userWith } from "./support/ledger-worker.ts";

/** What a caller learns, over RPC, of a call that failed. */
async function factsOf(call: Promise<unknown>) {
  const error: unknown = await call.then(
    () => new Error("it did not fail"),
    (failure: unknown) => failure,
  );
  const { alreadyRetried, mustNotRetry, failedBelow } = hintsOf(error);
  return { code: (error as { code?: unknown }).code, alreadyRetried, mustNotRetry, failedBelow };
}

describe("what a ledger says of a database that fails, over RPC", () => {
  it("is, of a transfer: nobody has tried again, who has the key may, and the ledger is well", async () => {
    const { ctx } = await userWith(100);
    await db.prepare("ALTER TABLE outbox RENAME TO elsewhere").run();
    expect(await factsOf(funds.transfer(ctx, 1, "k"))).toEqual({
      code: "UNAVAILABLE",
      alreadyRetried: undefined,
      mustNotRetry: false,
      failedBelow: true,
    });
  });

  it("is, of a read: it was tried again, nobody must, and the ledger is well", async () => {
    await db.prepare("ALTER TABLE account RENAME TO nowhere").run();
    expect(await factsOf(funds.funds(as("ann")))).toEqual({
      code: "UNAVAILABLE",
      alreadyRetried: true,
      mustNotRetry: true,
      failedBelow: true,
    });
  });
});
