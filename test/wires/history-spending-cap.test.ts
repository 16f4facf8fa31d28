import { expect, it, vi } from "vitest";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import { wire } from "../../src/history/wire.ts";
import { Erasure, Operations, Playback } from "../../src/history/worker.ts";
import {
  bindingsAtCap,
  CALLS,
  expectNoneIsOpen,
  logOfEachTest,
  messagesAtCap,
  TOLD_OF_CAP,
  whatIsTold,
} from "../support/workers/at-spending-cap.ts";
import { historyBindings } from "../support/workers/hung-bindings.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { refusing, refusingD1 } from "../support/workers/refusing-bindings.ts";

/*
 * The history as it is deployed, with two cells, all of whose bindings the platform refuses at the
 * spending cap: in an isolate that has begun after it, so that it knows nothing yet.
 */

vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

function historyAtCap() {
  const { vars, objects } = bindingsAtCap();
  const env = {
    ...historyBindings(),
    ...vars,
    CELLS: "main,us:enam",
    HISTORY_SHARDS: "4",
    SHARD: objects,
    MAPPING: objects,
    HISTORY_DB_0: refusingD1(),
    HISTORY_DB_1: refusingD1(),
    HISTORY_DB_US_0: refusingD1(),
    FLUSH_QUEUE: refusing("Queues"),
    FLUSH_QUEUE_US: refusing("Queues"),
  } as unknown as HistoryEnv;
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  return {
    playback: new Playback(ctx, env),
    operations: new Operations(ctx, env),
    erasure: new Erasure(ctx, env),
    wired: wire(env),
  };
}

const lines = logOfEachTest();

const FLUSH = { type: "flush", shard: 1, users: [["ada", ["video/m1"]]] };
const OF_US = { ...FLUSH, shard: "us-1" };

it("says so to each caller, opens no breaker, uses up no message's retries, and writes one line a minute", async () => {
  const { playback, operations, erasure, wired } = historyAtCap();
  const told: unknown[] = [];
  const note = (error: unknown): void => void told.push(whatIsTold(error));
  const { fates, message } = messagesAtCap();
  const user = { kind: "video", itemId: "m1", positionMs: 1, event: "playing", at: Date.now() } as const;
  for (let call = 0; call < CALLS; call += 1) {
    const ctx = contextOf(CALL_TIMEOUT_MS.reportRpc, `user-${call}`);
    await playback.report(ctx, [user]).catch(note);
    await playback.list(ctx, { limit: 5 }).catch(note);
    await playback.ready(ctx).catch(note);
    await operations.overview(contextOf(CALL_TIMEOUT_MS.operatorRpc)).catch(note);
    await operations.flush(contextOf(CALL_TIMEOUT_MS.operatorRpc)).catch(note);
    await operations.rejected(contextOf(CALL_TIMEOUT_MS.operatorRpc), { limit: 5 }).catch(note);
    await erasure.erase(contextOf(CALL_TIMEOUT_MS.erasureRpc), "ada").catch(note);
    await erasure.erase(contextOf(CALL_TIMEOUT_MS.erasureRpc), "ada", "us").catch(note);
    const messages = [message(call, FLUSH), message(call, OF_US), message(call, "nobody's")];
    await wired.consume({ queue: "playhead-history-flush", messages });
    await wired.consume({ queue: "playhead-history-flush-dead", messages });
    await wired.sweep(Date.now());
  }
  await expectNoneIsOpen();
  expect(new Set(told)).toEqual(new Set([TOLD_OF_CAP]));
  expect(told).toHaveLength(8 * CALLS);
  expect(fates).toEqual(Array.from({ length: 6 * CALLS }, () => ({ delaySeconds: 300 })));
  expect(lines.map(({ event }) => event)).toEqual(["spending cap reached"]);
});
