import { expect, it } from "vitest";
import type { GoldenCall } from "../fixtures/golden/golden-records.ts";
import { fromTomorrow } from "../support/golden/from-tomorrow.ts";
import { goldenRecords } from "../support/golden/golden-binding.ts";
import { Replay } from "../support/golden/replay.ts";
import { replayedCalls } from "../support/golden/replayed-calls.ts";
import { codeOf } from "../../src/contracts/errors.ts";
import { db, env, funds, operations, operator, settlement, userWith } from "./support/ledger-worker.ts";

const SERVICES: Readonly<Record<string, object>> = {
  Funds: funds,
  Operations: operations,
  Settlement: settlement,
};
/** What depends on when it is asked: the publisher works beside the calls. */
const VOLATILE = ["oldestPendingMs", "publishedSeq"];
const calls = goldenRecords(env).filter(
  (record): record is GoldenCall => record.kind === "call" && record.target in SERVICES,
);

it("answers a caller of a later release, which says more than is known here, as any other", async () => {
  const said = calls.map((call) => ({ ...call, args: call.args.map(fromTomorrow) }));
  const replay = new Replay({}, VOLATILE);
  expect(await replayedCalls(said, replay, ({ target }) => SERVICES[target] ?? {})).toEqual([]);
});

it("refuses what became of a delivery where it doesn't know the word, and its message stays under way", async () => {
  const { ctx } = await userWith(100);
  const { transferId } = await funds.transfer(ctx, 40, "later-1");
  const message = (): Promise<unknown> =>
    db.prepare("SELECT state, amount FROM outbox WHERE id = ?1").bind(transferId).first();
  const before = await message();
  const later = { transferId, result: "postponed", until: 5 } as unknown as Parameters<
    typeof settlement.report
  >[1];
  const refusal: unknown = await settlement.report(operator, later).catch((error: unknown) => error);
  expect(codeOf(refusal)).toBe("INVALID");
  expect(before).toEqual({ state: "pending", amount: 40 });
  expect(await message()).toEqual(before);
  expect(await funds.read(ctx, transferId)).toMatchObject({ status: "pending", amount: 40 });
});
