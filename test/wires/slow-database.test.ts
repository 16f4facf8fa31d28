import { beforeEach, describe, expect, it, vi } from "vitest";
import type { CallContext } from "../../src/contracts/call-context.ts";
import { codeOf } from "../../src/contracts/errors.ts";
import type { EntryPage } from "../../src/contracts/history.ts";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import type { Playback } from "../../src/history/worker.ts";
import { historyOfOneShard } from "../support/workers/history-of-one-shard.ts";
import { forgetGuards, opens } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

/**
 * A database each of whose queries takes so long, for users with more entries than are loaded at
 * first.
 */
function slowD1(ms: number): object {
  const answer = async (limit: number): Promise<unknown> => {
    await new Promise((resolve) => void setTimeout(resolve, ms));
    return Array.from({ length: limit }, (_, at) => [
      "u",
      "video",
      `m${at}`,
      1,
      null,
      "playing",
      null,
      10_000 - at,
      10_000 - at,
    ]);
  };
  const statement = (limit: number): object => ({
    bind: (_userId: string, max: number) => statement(max),
    all: () => answer(limit),
    raw: () => answer(limit),
    run: () => answer(limit),
  });
  return { prepare: () => statement(0) };
}

const history = (queryMs: number) => historyOfOneShard(slowD1(queryMs));

const REPORT = { kind: "video", itemId: "m1", positionMs: 1, event: "playing" } as const;

const contextOf = (userId: string): CallContext => ({
  requestId: "r-1",
  traceparent: "",
  remainingMs: CALL_TIMEOUT_MS.rpc,
  principal: { userId, sessionId: "s-1", roles: ["user"] },
});

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

type Call = (playback: Playback, userId: string) => Promise<EntryPage>;
const lookUp: Call = (playback, userId) =>
  playback.lookup(contextOf(userId), [{ kind: "video", itemId: "gone" }]);
const list: Call = (playback, userId) => playback.list(contextOf(userId), { limit: 20 });

describe("a database that is slow, though each query is within its timeout, is no fault of the shard's", () => {
  it.each([
    [
      "look-ups of what is not among the newest, which are two queries",
      { queryMs: 200, atOnce: 12, call: lookUp },
    ],
    [
      "many users at once who are not in memory, some of whom wait for a place",
      { queryMs: 250, atOnce: 80, call: list },
    ],
  ])("%s", async (_what, { queryMs, atOnce, call }) => {
    const playback = await history(queryMs);
    const codes = new Set<string>();
    const ask = async (index: number): Promise<void> => {
      const answered = call(playback, `user-${index}`).then(({ degraded }) =>
        degraded === true ? "degraded" : "whole",
      );
      codes.add(await answered.catch((error: unknown) => codeOf(error)));
    };
    expect(await opens("history-shard", ask, { atOnce, rounds: 4, stepMs: 10 })).toBe(false);
    expect([...codes]).toContain("degraded");
    expect([...codes]).not.toContain("UNAVAILABLE");
    await expect(playback.report(contextOf("ada"), [REPORT])).resolves.toMatchObject({
      accepted: 1,
      ignored: 0,
    });
  });
});
