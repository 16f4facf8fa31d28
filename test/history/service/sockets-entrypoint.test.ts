import { describe, expect, it, vi } from "vitest";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { RejectedReport } from "../../../src/contracts/history.ts";
import { Cells } from "../../../src/history/biz/cells.ts";
import type { ShardCall } from "../../../src/history/biz/ports.ts";
import type { Incoming } from "../../../src/history/biz/incoming.ts";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import { shardOf, type ShardMapping } from "../../../src/history/biz/shard-mapping.ts";
import { NO_TIME_AT_ALL, type ShardRpc } from "../../../src/history/biz/shard-rpc.ts";
import { socketsEntrypoint } from "../../../src/history/service/sockets-entrypoint.ts";
import type { Logger } from "../../../src/platform/logger.ts";

vi.mock("cloudflare:workers", () => ({
  WorkerEntrypoint: class {
    readonly env: unknown;
    constructor(_ctx: unknown, env: unknown) {
      this.env = env;
    }
  },
}));

const REPORT = {
  kind: "video",
  itemId: "m1",
  positionMs: 1,
  event: "playing" as const,
  at: Date.UTC(2026, 0),
};
const ctx: CallContext = { requestId: "r-1", traceparent: "", remainingMs: 1_000, principal: null };
const as = (userId: string, cell?: string): CallContext => ({
  ...ctx,
  principal: { userId, sessionId: "s", roles: ["user"], ...(cell !== undefined && { cell }) },
});
const sent = (userId: string, reports: readonly unknown[] = [REPORT]) => ({
  userId,
  socket: `${userId}'s`,
  reports: reports as readonly (typeof REPORT)[],
  others: true,
  version: 7,
});

/** The entrypoint over shards that go by `theirs`, whatever it guesses; and what was asked. */
function sockets({
  guess = 4,
  theirs = { version: 1, shards: 4 },
  away = (_shard: number): Error | null => null,
  refused = [] as readonly RejectedReport[],
} = {}) {
  const calls: { readonly shard: number; readonly how: unknown; readonly args: readonly unknown[] }[] = [];
  const cellOf = (name: string) => {
    const callShard: ShardCall = async (shard, _what, how, call) => {
      const failure = away(shard);
      if (failure !== null) throw failure;
      const answered =
        <T>(mappingAt: number, answer: (...args: readonly never[]) => T) =>
        async (...args: readonly unknown[]) => {
          const mapping = args[mappingAt] as ShardMapping;
          if (mapping.shards !== theirs.shards || mapping.version !== theirs.version)
            return { elsewhere: theirs };
          calls.push({ shard, how, args: [name, ...args.slice(0, mappingAt)] });
          return answer(...(args as readonly never[]));
        };
      const stub = {
        reportMany: answered(2, (batch: readonly Incoming[]) =>
          batch.map(({ userId }) => ({
            receipt: {
              accepted: 1,
              ignored: 0,
              of: userId,
              ...(refused.length > 0 && { rejected: refused }),
            },
          })),
        ),
        join: answered(4, () => ({ page: null })),
        leave: answered(2, () => null),
      };
      return call(stub as unknown as ShardRpc, 1_000);
    };
    const directory = new ShardDirectory({ seedShards: guess, askMapping: async () => theirs });
    return { name, directory, callShard, reportToShard: callShard };
  };
  const told: (readonly [event: string, fields: object])[] = [];
  const warn = (event: string, fields: object): void => void told.push([event, fields]);
  const cells = new Cells({
    parts: new Map(["main", "us"].map((name) => [name, cellOf(name)])),
    onUnknown: () => undefined,
  });
  const Sockets = socketsEntrypoint(() => ({ now: () => 0, logger: { warn } as unknown as Logger, cells }));
  return { service: new Sockets({} as never, {}), calls, told };
}

const USERS = Array.from({ length: 12 }, (_, index) => `user-${index}`);
const placeOf = (userId: string, shards: number): number => shardOf(userId, { version: 1, shards });

describe("reports of many sockets", () => {
  it("go to each shard concerned in one call, and are answered in their order", async () => {
    const { service, calls } = sockets();
    const receipts = await service.report(
      ctx,
      "shard-0",
      USERS.map((userId) => sent(userId)),
    );
    expect(receipts).toMatchObject(USERS.map((userId) => ({ receipt: { of: userId } })));
    const concerned = new Set(USERS.map((userId) => placeOf(userId, 4)));
    expect(calls).toHaveLength(concerned.size);
    expect(new Set(calls.map(({ shard }) => shard))).toEqual(concerned);
    for (const { how } of calls) expect(how).toEqual({ kind: "write", idempotent: true });
  });

  it("find their shards where the mapping has changed, and none is lost or comes twice", async () => {
    const { service, calls } = sockets({ guess: 4, theirs: { version: 2, shards: 7 } });
    const receipts = await service.report(
      ctx,
      "shard-0",
      USERS.map((userId) => sent(userId)),
    );
    expect(receipts).toMatchObject(USERS.map((userId) => ({ receipt: { of: userId } })));
    const taken = calls.flatMap(({ shard, args }) =>
      (args[1] as readonly Incoming[]).map(({ userId }) => [userId, shard] as const),
    );
    expect(taken).toHaveLength(USERS.length);
    expect(new Map(taken)).toEqual(new Map(USERS.map((userId) => [userId, placeOf(userId, 7)])));
  });

  it("leave a line where a shard fails, once for all of them, and none where it is left alone", async () => {
    const gone = placeOf("user-0", 4);
    const failWith = async (code: "UNAVAILABLE" | "CIRCUIT_OPEN") => {
      const { service, told } = sockets({
        away: (shard) => (shard === gone ? new CodedError(code, "away", { cause: new Error("disk") }) : null),
      });
      const all = USERS.map((userId) => sent(userId));
      expect(all.filter(({ userId }) => placeOf(userId, 4) === gone).length).toBeGreaterThan(1);
      await service.report(ctx, "shard-0", all);
      return told;
    };
    expect(await failWith("UNAVAILABLE")).toMatchObject([
      ["reports of sockets not taken", { shard: gone, causes: expect.anything() }],
    ]);
    expect(await failWith("CIRCUIT_OPEN")).toEqual([]);
  });

  it("are refused for those alone whose shard is away, or whose reports are none", async () => {
    const gone = placeOf("user-0", 4);
    const { service } = sockets({
      away: (shard) => (shard === gone ? new CodedError("UNAVAILABLE", "away", { retryAfterMs: 7 }) : null),
    });
    const batch = [...USERS.map((userId) => sent(userId)), sent("bad", [{ kind: "?" }])];
    const receipts = await service.report(ctx, "shard-0", batch);
    const away = { failure: { code: "UNAVAILABLE", retryAfterMs: 7 } };
    expect(receipts).toMatchObject([
      ...USERS.map((userId) => (placeOf(userId, 4) === gone ? away : { receipt: { of: userId } })),
      { failure: { code: "INVALID" } },
    ]);
  });

  it("name those among them that are not valid, as a request's are named", async () => {
    const { service, calls } = sockets();
    const [receipt] = await service.report(ctx, "shard-0", [
      sent("ada", [REPORT, { ...REPORT, positionMs: -1 }]),
    ]);
    expect(receipt).toMatchObject({ receipt: { accepted: 1, rejected: [{ index: 1, path: "positionMs" }] } });
    expect(calls[0]?.args[1]).toEqual([
      { userId: "ada", reports: [REPORT], source: { socket: "ada's", others: true, version: 7 } },
    ]);
  });

  it("name with them what a shard of a later release refuses, each by its place among those sent", async () => {
    const { service } = sockets({ refused: [{ index: 1, path: "kind", message: "is unknown" }] });
    const bad = { ...REPORT, positionMs: -1 };
    const [receipt] = await service.report(ctx, "shard-0", [sent("ada", [bad, REPORT, REPORT])]);
    expect(receipt).toMatchObject({
      receipt: {
        rejected: [
          { index: 0, path: "positionMs" },
          { index: 2, path: "kind" },
        ],
      },
    });
  });

  it("are made again only where all are dated", async () => {
    const { service, calls } = sockets();
    const { at: _, ...undated } = REPORT;
    await service.report(ctx, "shard-0", [sent("ada", [undated])]);
    expect(calls[0]?.how).toEqual({ kind: "write", idempotent: false });
  });

  it("go to the cell that they are of", async () => {
    const { service, calls } = sockets();
    await service.report(ctx, "us-0", [sent("ada")], "us");
    expect(calls[0]?.args[0]).toBe("us");
    await expect(service.report(ctx, "jp-0", [sent("ada")], "jp")).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
  });
});

describe("who comes and goes", () => {
  it("is told to the caller's own shard", async () => {
    const { service, calls } = sockets();
    const order = { comet: "us-0", sockets: 2, version: 5, since: "z9" };
    expect(await service.join(as("ada", "us"), order)).toEqual({ page: null });
    expect(calls).toMatchObject([
      {
        shard: placeOf("ada", 4),
        args: [
          "us",
          "us-0",
          { userId: "ada", sockets: 2, version: 5 },
          { since: "z9", limit: 100 },
          NO_TIME_AT_ALL,
        ],
      },
    ]);
    await expect(service.join(ctx, order)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("is told to all shards of those who leave; that it could not be is thrown", async () => {
    const leave = USERS.map((userId) => ({ userId, sockets: 0, version: 1 }));
    const { service, calls } = sockets();
    await service.leave(ctx, "shard-0", leave);
    expect(calls.flatMap(({ args }) => args[2] as readonly { userId: string }[])).toHaveLength(USERS.length);
    const gone = placeOf("user-0", 4);
    const broken = sockets({
      away: (shard) => (shard === gone ? new CodedError("UNAVAILABLE", "away") : null),
    });
    await expect(broken.service.leave(ctx, "shard-0", leave)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(broken.calls).not.toEqual([]);
  });
});
