import { describe, expect, it, vi } from "vitest";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import { Cells } from "../../../src/history/biz/cells.ts";
import type { ShardCall } from "../../../src/history/biz/ports.ts";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import type { ShardRpc } from "../../../src/history/biz/shard-rpc.ts";
import { NO_TIME_AT_ALL } from "../../../src/history/biz/shard-rpc.ts";
import { playbackEntrypoint } from "../../../src/history/service/playback-entrypoint.ts";
import type { Logger } from "../../../src/platform/logger.ts";
import { gathererOver } from "../support/gatherer-over.ts";

vi.mock("cloudflare:workers", () => ({
  WorkerEntrypoint: class {
    readonly env: unknown;
    constructor(_ctx: unknown, env: unknown) {
      this.env = env;
    }
  },
}));

/** The entrypoint over cells, of which some are away; and what is asked of whom, and told. */
function playback(...away: readonly string[]) {
  return playbackWith((cell) => new Error(`${cell} is away`), away);
}

function playbackWith(failure: (cell: string) => Error, away: readonly string[]) {
  const asked: string[] = [];
  const told: string[] = [];
  const calls: (readonly unknown[])[] = [];
  const cellOf = (name: string) => {
    const callShard: ShardCall = (_shard, what, how, call) => {
      if (away.includes(name)) return Promise.reject(failure(name));
      asked.push(`${what}, ${name}`);
      const page = async () => ({ items: [] });
      const said =
        (method: string, answer: unknown) =>
        async (...args: readonly unknown[]) => {
          calls.push([method, how, ...args]);
          return answer;
        };
      const stub = {
        mark: said("mark", ENTRY),
        remove: said("remove", null),
        clear: said("clear", null),
        settings: said("settings", { paused: true }),
        setSettings: said("setSettings", { paused: true }),
        changes: said("changes", { changes: [], cursor: "1", more: false }),
        exportAll: said("exportAll", { entries: [ENTRY] }),
        list: page,
        wake: async () => undefined,
        report: said("report", { accepted: 1, ignored: 0 }),
      };
      return call(stub as unknown as ShardRpc, 1_000);
    };
    const directory = new ShardDirectory({
      seedShards: 1,
      askMapping: async () => ({ version: 1, shards: 1 }),
    });
    const reportToShard: ShardCall = (shard, what, how, call) => {
      calls.push(["reportToShard"]);
      return callShard(shard, what, how, call);
    };
    return { name, directory, callShard, reportToShard, reports: gathererOver(callShard) };
  };
  const cells = new Cells({
    parts: new Map(["main", "us"].map((name) => [name, cellOf(name)])),
    onUnknown: (cell) => void told.push(`no ${cell}`),
  });
  const warn = (event: string, fields: object): void => void told.push(`${event} ${JSON.stringify(fields)}`);
  const Playback = playbackEntrypoint(() => ({
    now: () => 0,
    logger: { warn } as unknown as Logger,
    cells,
  }));
  return { service: new Playback({} as never, {}), asked, told, calls };
}

const ENTRY = { kind: "video", itemId: "m1", positionMs: 1, event: "playing", watchedAt: 1, watched: true };
const ITEM = { kind: "video", itemId: "m1" };
/** With the mapping of a caller who has called nobody yet. */
const CALL = [NO_TIME_AT_ALL, { version: 0, shards: 1 }, 1_000];
const READ = { kind: "read" };
const TWICE_IS_AS_GOOD = { kind: "write", idempotent: true };

const ctxOf = (cell?: string): CallContext => ({
  requestId: "r-1",
  traceparent: "",
  remainingMs: 1_000,
  principal: { userId: "ada", sessionId: "s", roles: ["user"], ...(cell !== undefined && { cell }) },
});

describe("a user is asked about in their own cell", () => {
  it("which is main where none is named", async () => {
    const { service, asked } = playback();
    await service.list(ctxOf(), { limit: 1 });
    await service.list(ctxOf("us"), { limit: 1 });
    await service.report(ctxOf("us"), [
      { kind: "video", itemId: "m1", positionMs: 1, event: "playing", at: Date.UTC(2026, 0) },
    ]);
    expect(asked).toEqual(["list from a shard, main", "list from a shard, us", "report to a shard, us"]);
  });

  it("and never in another: of one that isn't there they are refused, which is told", async () => {
    const { service, asked, told } = playback();
    await expect(service.list(ctxOf("jp"), { limit: 1 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect([asked, told]).toEqual([[], ["no jp"]]);
  });
});

describe("reports of which one has no date", () => {
  it("are made durable once: none of them goes where calls are made again", async () => {
    const { service, calls } = playback();
    const report = { kind: "video", itemId: "m1", positionMs: 1, event: "playing" as const };
    await service.report(ctxOf(), [{ ...report, at: Date.UTC(2026, 0) }, report]);
    expect(calls.map((call) => call.slice(0, 3))).toEqual([
      // With as much time as a report has.
      ["reportToShard"],
      ["report", { kind: "write", idempotent: false }, "ada"],
    ]);
  });
});

describe("what people do by hand", () => {
  it("is asked of their shard in their own name, which answers", async () => {
    const { service, calls } = playback();
    const ctx = ctxOf();
    expect(await service.mark(ctx, ITEM, { watched: true })).toEqual(ENTRY);
    expect(await service.remove(ctx, ITEM)).toBeUndefined();
    expect(await service.clear(ctx)).toBeUndefined();
    expect(await service.settings(ctx)).toEqual({ paused: true });
    expect(await service.setSettings(ctx, { paused: true })).toEqual({ paused: true });
    expect(await service.changes(ctx, { limit: 5 })).toEqual({ changes: [], cursor: "1", more: false });
    expect(await service.exportAll(ctx)).toEqual([ENTRY]);
    expect(calls).toEqual([
      ["mark", TWICE_IS_AS_GOOD, "ada", ITEM, { watched: true }, ...CALL],
      ["remove", TWICE_IS_AS_GOOD, "ada", ITEM, ...CALL],
      ["clear", TWICE_IS_AS_GOOD, "ada", ...CALL],
      ["settings", READ, "ada", ...CALL],
      ["setSettings", TWICE_IS_AS_GOOD, "ada", { paused: true }, ...CALL],
      ["changes", READ, "ada", { limit: 5 }, ...CALL],
      ["exportAll", READ, "ada", ...CALL],
    ]);
  });

  it("is nobody's who has not signed in", async () => {
    const { service, calls } = playback();
    const nobody = { ...ctxOf(), principal: null };
    for (const refused of [
      () => service.mark(nobody, ITEM, { watched: true }),
      () => service.remove(nobody, ITEM),
      () => service.clear(nobody),
      () => service.settings(nobody),
      () => service.setSettings(nobody, { paused: true }),
      () => service.changes(nobody, { limit: 5 }),
      () => service.exportAll(nobody),
    ])
      await expect(refused()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect(calls).toEqual([]);
  });
});

describe("a report's own date", () => {
  it("goes along to the shard, and one that is none is named", async () => {
    const at = Date.UTC(2026, 0);
    const report = { kind: "video", itemId: "m1", positionMs: 1, event: "playing", at } as const;
    const { service, calls } = playback();
    const receipt = await service.report(ctxOf(), [
      { ...report, rawAt: at + 5_000 },
      { ...report, rawAt: 5 },
    ]);
    expect(receipt).toMatchObject({ rejected: [{ index: 1, path: "rawAt" }] });
    expect(calls.map((call) => call[3])).toEqual([[{ ...report, rawAt: at + 5_000 }]]);
  });
});

describe("history is ready", () => {
  it("when a shard of each cell answers, which learns its mapping by that", async () => {
    const { service, asked, told } = playback();
    await service.ready(ctxOf());
    expect(asked.toSorted()).toEqual(["wake a shard, main", "wake a shard, us"]);
    expect(told).toEqual([]);
  });

  it.each(["main", "us"])("though %s is away, which is told: the others go on", async (away) => {
    const { service, told } = playback(away);
    await service.ready(ctxOf());
    expect(told).toEqual([`cell not ready {"cell":"${away}","causes":"${away} is away"}`]);
  });

  it("though one is refused at the spending cap, of which the log tells once a minute", async () => {
    const { service, told } = playbackWith(() => new CodedError("SPENDING_CAP", "wake"), ["us"]);
    await service.ready(ctxOf());
    expect(told).toEqual(['cell not ready {"cell":"us","code":"SPENDING_CAP","causes":"wake"}']);
  });

  it("not when all cells are away", async () => {
    const { service } = playback("main", "us");
    await expect(service.ready(ctxOf())).rejects.toThrow("is away");
  });
});
