import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { GoldenCall } from "../fixtures/golden/golden-records.ts";
import { goldenRecords } from "../support/golden/golden-binding.ts";
import { Replay } from "../support/golden/replay.ts";
import { replayedCalls } from "../support/golden/replayed-calls.ts";
import { accounts, operations, trust } from "./support/identity-worker.ts";

const SERVICES: Readonly<Record<string, object>> = {
  Accounts: accounts,
  Operations: operations,
  Trust: trust,
};
/** The operator is called otherwise in these tests. */
const OPERATOR = {
  "operator@playhead.example": "operator@example.com",
  "an operator's long password": "the operator's own",
};
const calls = goldenRecords(env).filter((record): record is GoldenCall => record.kind === "call");

it(
  "answers callers of the release before, call by call, what their own identity answered",
  { timeout: 60_000 },
  async () => {
    expect(calls.length).toBeGreaterThan(30);
    const replay = new Replay(OPERATOR, ["accounts", "activeSessions", "retryAfterMs"]);
    expect(await replayedCalls(calls, replay, ({ target }) => SERVICES[target] ?? {})).toEqual([]);
  },
);
