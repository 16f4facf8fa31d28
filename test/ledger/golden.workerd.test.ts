import { expect, it } from "vitest";
import type { GoldenCall } from "../fixtures/golden/golden-records.ts";
import { goldenRecords } from "../support/golden/golden-binding.ts";
import { Replay } from "../support/golden/replay.ts";
import { replayedCalls } from "../support/golden/replayed-calls.ts";
import { env, funds, operations, settlement } from "./support/ledger-worker.ts";

const SERVICES: Readonly<Record<string, object>> = {
  Funds: funds,
  Operations: operations,
  Settlement: settlement,
};
/** What depends on when it is asked: the publisher works beside the calls. */
const VOLATILE = ["oldestPendingMs", "publishedSeq"];
/** The publisher's object is woken by the ledger itself. */
const calls = goldenRecords(env).filter(
  (record): record is GoldenCall => record.kind === "call" && record.target in SERVICES,
);

it("answers callers of the release before, call by call, what their own ledger answered", async () => {
  expect(calls.length).toBeGreaterThan(40);
  const replay = new Replay({}, VOLATILE);
  expect(await replayedCalls(calls, replay, ({ target }) => SERVICES[target] ?? {})).toEqual([]);
});
