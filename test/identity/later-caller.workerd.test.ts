import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { GoldenCall } from "../fixtures/golden/golden-records.ts";
import { fromTomorrow } from "../support/golden/from-tomorrow.ts";
import { goldenRecords } from "../support/golden/golden-binding.ts";
import { Replay } from "../support/golden/replay.ts";
import { replayedCalls } from "../support/golden/replayed-calls.ts";
import { accounts, operations, trust } from "./support/identity-worker.ts";

const SERVICES: Readonly<Record<string, object>> = {
  Accounts: accounts,
  Operations: operations,
  Trust: trust,
};
/** One account's whole life. */
const LIFE = ["register", "login", "me", "refresh", "changePassword", "logout", "erase", "snapshot"];
const calls = goldenRecords(env)
  .filter((record): record is GoldenCall => record.kind === "call")
  .filter(({ method }) => LIFE.includes(method))
  .slice(0, 12);

it("answers a caller of a later release, which says more than is known here, as any other", async () => {
  expect(new Set(calls.map(({ method }) => method)).size).toBe(LIFE.length);
  const said = calls.map((call) => ({ ...call, args: [...call.args.map(fromTomorrow), "of tomorrow"] }));
  expect(await replayedCalls(said, new Replay(), ({ target }) => SERVICES[target] ?? {})).toEqual([]);
});
