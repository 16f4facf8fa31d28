import { describe, expect, it, vi } from "vitest";
import { addHistoryRoutes } from "../../../src/bff/app/history-routes.ts";
import type { DatedReport, HistoryPlayback, Report, ReportReceipt } from "../../../src/contracts/history.ts";
import type { ShardCall } from "../../../src/history/biz/ports.ts";
import { ShardDirectory } from "../../../src/history/biz/shard-directory.ts";
import { gathererOver } from "../../history/support/gatherer-over.ts";
import { onlyMain } from "../../history/support/only-main.ts";
import { shardStubs } from "../../../src/history/data/shard-stubs.ts";
import { playbackEntrypoint } from "../../../src/history/service/playback-entrypoint.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

vi.mock("cloudflare:workers", async () =>
  (await import("../../support/workers/wired-guards.ts")).runtimeModule(),
);

const logger = createLogger({ worker: "app", level: "silent" });
const ADA = { userId: "ada", sessionId: "s-1", roles: ["user"] } as const;

/** A directory of one shard. */
const oneShard = (): ShardDirectory =>
  new ShardDirectory({ seedShards: 1, askMapping: async () => ({ version: 1, shards: 1 }) });
const mainOver = (callShard: ShardCall) =>
  onlyMain({
    name: "main",
    directory: oneShard(),
    callShard,
    reportToShard: callShard,
    reports: gathererOver(callShard),
  });

type Failing = "the service" | "the object";

/**
 * The way of a report from the BFF to its shard. The first attempt fails, before or after the shard
 * has taken the report; `meanwhile` happens then.
 */
function wayOfReports(
  failing: Failing,
  hasTaken: boolean,
  meanwhile: (taken: Report[]) => void = () => undefined,
) {
  const clock = new VirtualTime();
  const taken: DatedReport[] = [];
  const state = { attempts: 0, stubs: 0 };
  const attempt = (take: () => void): void => {
    state.attempts += 1;
    if (state.attempts > 1) return take();
    if (hasTaken) take();
    clock.turn(40);
    meanwhile(taken);
    clock.turn(40);
    throw new Error("Durable Object reset because its code was updated.");
  };
  const stub = {
    report: async (_userId: string, reports: readonly DatedReport[]) => {
      const take = (): void => void taken.push(...reports);
      if (failing === "the object") attempt(take);
      else take();
      return { accepted: reports.length, ignored: 0 };
    },
  };
  const namespace = { idFromName: () => ({}) as DurableObjectId, get: () => ((state.stubs += 1), stub) };
  const callShard = shardStubs({ namespace, guardOf: () => shardGuard });
  const shardGuard = testGuard({ now: Date.now });
  const Playback = playbackEntrypoint(() => ({
    now: Date.now,
    logger,
    cells: mainOver(callShard),
  }));
  const playback = new Playback({} as never, {}) as unknown as HistoryPlayback;
  const service = {
    report: async (...call: Parameters<HistoryPlayback["report"]>) => {
      if (failing === "the service") attempt(() => undefined);
      return playback.report(...call);
    },
  } as unknown as HistoryPlayback;
  const bff = bffOver(service, clock);
  const post = (...reports: readonly object[]): Promise<Response> => postTo(bff, reports);
  const postSentAt = (sentAt: unknown, ...reports: readonly object[]): Promise<Response> =>
    postTo(bff, reports, { sentAt });
  return { post, postSentAt, playback, clock, taken, state };
}

type Bff = ReturnType<typeof createBff>;

function bffOver(service: HistoryPlayback, clock: VirtualTime): Bff {
  return createBff({
    verifyInternalToken: async () => ADA,
    logger,
    now: clock.now,
    checkReady: async () => undefined,
    addRoutes(app) {
      const history = guardedRpc(service, testGuard({ now: clock.now }));
      addHistoryRoutes(app, { history, reports: history, now: clock.now });
    },
  });
}

async function postTo(bff: Bff, reports: readonly object[], more: object = {}): Promise<Response> {
  const body = JSON.stringify({ reports, ...more });
  return bff(new Request("http://bff/v1/history/reports", { method: "POST", body }), {});
}

const beat = (positionMs: number, more: object = {}) => ({
  kind: "video",
  itemId: "film",
  positionMs,
  ...more,
});

/** What a shard holds: the later date wins, and of the same date the later comer. */
const winnerOf = (taken: readonly Report[]) =>
  taken.reduce((best, next) => ((next.at ?? 0) >= (best.at ?? 0) ? next : best));

describe("a report without a date", () => {
  it.each([
    ["the service", false],
    ["the service", true],
    ["the object", false],
    ["the object", true],
  ] as const)(
    "is made again where %s fails, with the date of its first attempt (taken before: %s)",
    async (failing, hasTaken) => {
      const { post, clock, taken, state } = wayOfReports(failing, hasTaken);
      const startedAtMs = clock.now();
      const response = await post(beat(1));
      expect([response.status, await response.json()]).toEqual([
        200,
        { accepted: 1, ignored: 0, now: clock.now() },
      ]);
      expect(state.attempts).toBe(2);
      expect(new Set(taken.map(({ at }) => at))).toEqual(new Set([startedAtMs]));
    },
  );

  it.each(["the service", "the object"] as const)(
    "does not overtake what another device said while %s failed",
    async (failing) => {
      const { post, clock, taken } = wayOfReports(failing, false, (meanwhile) => {
        meanwhile.push({
          kind: "video",
          itemId: "film",
          positionMs: 99,
          event: "playing",
          deviceId: "phone",
          at: clock.now(),
        });
      });
      expect((await post(beat(1, { deviceId: "tv" }))).status).toBe(200);
      expect(taken).toHaveLength(2);
      expect(winnerOf(taken)).toMatchObject({ deviceId: "phone", positionMs: 99 });
    },
  );

  it("is asked of a new stub each time: one that has thrown may be broken for good", async () => {
    const { post, state } = wayOfReports("the object", false);
    await post(beat(1));
    expect(state.stubs).toBe(2);
  });
});

describe("reports of one batch", () => {
  it("have one date where they bring none, keep the one they bring, and none lies ahead", async () => {
    const { post, clock, taken } = wayOfReports("the service", false);
    const nowMs = clock.now();
    await post(beat(1), beat(2, { at: nowMs - 5_000 }), beat(3, { at: nowMs + 60_000 }), beat(4));
    expect(taken.map(({ at }) => at)).toEqual([nowMs, nowMs - 5_000, nowMs, nowMs]);
  });
});

describe("what a clock says that is off", () => {
  it("is corrected by when its client sent it, on the first attempt, and goes along as it was", async () => {
    const { postSentAt, clock, taken } = wayOfReports("the object", true);
    const nowMs = clock.now();
    const sentAt = nowMs - 3_600_000;
    await postSentAt(sentAt, beat(1, { at: sentAt - 40_000 }), beat(2));
    expect(taken.map(({ at, rawAt }) => [at, rawAt])).toEqual([
      [nowMs - 40_000, sentAt - 40_000],
      [nowMs, undefined],
      [nowMs - 40_000, sentAt - 40_000],
      [nowMs, undefined],
    ]);
  });

  it("is never believed of what a client says was corrected", async () => {
    const { post, clock, taken } = wayOfReports("the service", true);
    await post(beat(1, { at: clock.now() - 1, rawAt: clock.now() - 60_000 }));
    expect(taken[0]).not.toHaveProperty("rawAt");
  });

  it.each([1_700_000_000, "now", -1, 1.5, null])(
    "is refused where %s is when it was sent",
    async (sentAt) => {
      const { postSentAt, state } = wayOfReports("the service", true);
      const response = await postSentAt(sentAt, beat(1));
      const { errors } = (await response.json()) as { readonly errors: readonly { readonly path: string }[] };
      expect([response.status, errors.map(({ path }) => path)]).toEqual([422, ["sentAt"]]);
      expect(state.attempts).toBe(0);
    },
  );
});

describe("the receipt", () => {
  const winner = {
    kind: "video",
    itemId: "film",
    positionMs: 9,
    event: "paused",
    watchedAt: 5,
    watched: false,
  } as const;

  it.each<[string, ReportReceipt]>([
    ["of a history of the release before", { accepted: 1, ignored: 0 }],
    ["of this one", { accepted: 1, ignored: 0, superseded: [winner], nextReportMs: 10_000 }],
  ])("%s says what history says, and when it is now", async (_name, receipt) => {
    const clock = new VirtualTime();
    const history = { report: async () => (clock.turn(7), receipt) };
    const bff = bffOver(history as unknown as HistoryPlayback, clock);
    const startedAtMs = clock.now();
    expect(await (await postTo(bff, [beat(1)])).json()).toEqual({ ...receipt, now: startedAtMs + 7 });
  });
});

describe("a bad report of a batch", () => {
  const seconds = { at: 1_700_000_000 };

  it("is named with its place, and holds up no other", async () => {
    const { post, taken, clock } = wayOfReports("the service", false);
    const response = await post(beat(1, { positionMs: -1 }), beat(2), beat(3, seconds), beat(4));
    expect([response.status, await response.json()]).toEqual([
      200,
      {
        accepted: 2,
        ignored: 0,
        now: clock.now(),
        rejected: [
          { index: 0, path: "positionMs", message: expect.any(String) as string },
          { index: 2, path: "at", message: "at is in milliseconds" },
        ],
      },
    ]);
    expect(taken.map(({ positionMs }) => positionMs)).toEqual([2, 4]);
  });

  it("is refused where none is good, by the path of each", async () => {
    const { post, state } = wayOfReports("the service", false);
    const response = await post(beat(1, seconds), beat(2, { itemId: "." }));
    const { code, errors } = (await response.json()) as {
      readonly code: string;
      readonly errors: readonly { readonly path: string }[];
    };
    expect([response.status, code, errors.map(({ path }) => path)]).toEqual([
      422,
      "INVALID",
      ["reports.0.at", "reports.1.itemId"],
    ]);
    expect(state.attempts).toBe(0);
  });

  it("is named by its own place where it is the history that rejects it", async () => {
    const history = {
      report: async () => ({
        accepted: 1,
        ignored: 0,
        rejected: [{ index: 1, path: "deviceId", message: "why" }],
      }),
    };
    const bff = bffOver(history as unknown as HistoryPlayback, new VirtualTime());
    const response = await postTo(bff, [beat(1, seconds), beat(2), beat(3)]);
    expect(await response.json()).toMatchObject({
      rejected: [{ index: 0 }, { index: 2, path: "deviceId", message: "why" }],
    });
  });

  it("is named to a BFF of an older version, which passes all of them on", async () => {
    const { playback, taken } = wayOfReports("the service", true);
    const ctx = { requestId: "r", traceparent: "", remainingMs: 400, principal: ADA };
    const receipt = await playback.report(ctx, [
      { ...beat(1), event: "playing" },
      { ...beat(2), event: "playing", ...seconds },
    ]);
    expect(receipt).toEqual({
      accepted: 1,
      ignored: 0,
      rejected: [{ index: 1, path: "at", message: "at is in milliseconds" }],
    });
    expect(taken).toHaveLength(1);
  });
});

describe("a report that an older BFF has not dated", () => {
  it("is made once: its retry would be dated anew", async () => {
    const attempts: unknown[] = [];
    const stub = {
      report: async () => {
        attempts.push(1);
        throw new Error("reset");
      },
    };
    const namespace = { idFromName: () => ({}) as DurableObjectId, get: () => stub };
    const callShard = shardStubs({ namespace, guardOf: () => testGuard() });
    const Playback = playbackEntrypoint(() => ({
      now: Date.now,
      logger,
      cells: mainOver(callShard),
    }));
    const playback = new Playback({} as never, {});
    const ctx = { requestId: "r", traceparent: "", remainingMs: 400, principal: ADA };
    await expect(playback.report(ctx, [{ ...beat(1), event: "playing" }])).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(attempts).toHaveLength(1);
  });
});
