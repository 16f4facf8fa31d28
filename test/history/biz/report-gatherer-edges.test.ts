import { describe, expect, it } from "vitest";
import { CodedError, publicDetail } from "../../../src/contracts/errors.ts";
import type { ReportReceipt } from "../../../src/contracts/history.ts";
import type { SocketReceipt } from "../../../src/contracts/realtime-rpc.ts";
import { shardStubs } from "../../../src/history/data/shard-stubs.ts";
import type { ShardCall } from "../../../src/history/biz/ports.ts";
import { GATHER_MS, ReportGatherer } from "../../../src/history/biz/report-gatherer.ts";
import type { Elsewhere } from "../../../src/history/biz/shard-mapping.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { settled } from "../support/comet-double.ts";
import { beat, shardOver } from "../support/shard-over.ts";

const MAPPING = { version: 1, shards: 4 };
const TAKEN: ReportReceipt = { accepted: 1, ignored: 0 };

type Many = readonly SocketReceipt[] | Elsewhere;

interface Asked {
  readonly users: readonly string[];
  readonly leftMs: number;
  readonly one: PromiseWithResolvers<ReportReceipt | Elsewhere>;
  readonly many: PromiseWithResolvers<Many>;
}

/** A gatherer over stubs whose answers a test gives; `kept` is how much work is kept alive. */
function gathererOf(around?: (stub: object, clock: VirtualTime) => ShardCall) {
  const clock = new VirtualTime();
  const asked: Asked[] = [];
  const ask = (users: readonly string[], leftMs: number): Asked => {
    const one = Promise.withResolvers<ReportReceipt | Elsewhere>();
    const call = { users, leftMs, one, many: Promise.withResolvers<Many>() };
    asked.push(call);
    return call;
  };
  const stub = {
    report: (userId: string, _reports: unknown, _sent: unknown, _mapping: unknown, leftMs: number) =>
      ask([userId], leftMs).one.promise,
    reportMany: (
      batch: readonly { readonly userId: string }[],
      _sent: unknown,
      _mapping: unknown,
      leftMs: number,
    ) =>
      ask(
        batch.map(({ userId }) => userId),
        leftMs,
      ).many.promise,
  };
  const direct: ShardCall = (_shard, _what, _how, call) => call(stub as never, 850);
  let kept = 0;
  const gatherer = new ReportGatherer({
    callShard: around?.(stub, clock) ?? direct,
    now: clock.now,
    schedule: clock.after,
    keep: (work) => {
      kept += 1;
      void work.then(() => (kept -= 1));
    },
  });
  const outcomes = new Map<string, unknown>();
  const report = (userId: string, leftMs = 850, agesMs: readonly number[] = [0]): void => {
    const reports = agesMs.map((ageMs) => ({
      kind: "video" as const,
      itemId: "film",
      positionMs: 1,
      event: "playing" as const,
      at: clock.now() - ageMs,
    }));
    const patience = { deadlineAtMs: clock.now() + leftMs };
    const answer = gatherer.report(0, MAPPING, { userId, reports }, patience);
    answer.then(
      (receipt) => outcomes.set(userId, receipt),
      (error: unknown) => outcomes.set(userId, error),
    );
  };
  return { clock, asked, report, outcomes, kept: () => kept };
}

describe("what becomes of reports that share a call", () => {
  it("a call that another release refuses is no failure of this history, and not for the BFF to make again", async () => {
    const { clock, asked, report, outcomes } = gathererOf((stub, { now }) =>
      shardStubs({
        namespace: { idFromName: () => ({}) as DurableObjectId, get: () => stub },
        guardOf: () => testGuard({ now }),
      }),
    );
    for (const user of ["first", "ada", "bob"]) report(user);
    await settled();
    clock.turn(GATHER_MS);
    await settled();
    asked[1]?.many.reject(new CodedError("INVALID", "what is a batch?"));
    for (let turn = 0; turn < 5; turn += 1) await settled();
    const told = outcomes.get("ada");
    expect(told).toMatchObject({ code: "UNAVAILABLE" });
    // The guard of a BFF, which calls the history.
    const breaker = new HystrixBreaker();
    const recorded: string[] = [];
    const record = breaker.record.bind(breaker);
    breaker.record = (nowMs, outcome, ...rest) => {
      recorded.push(outcome);
      record(nowMs, outcome, ...rest);
    };
    const bff = testGuard({ now: clock.now, breaker });
    const plan = { kind: "write", idempotent: true, deadlineAtMs: clock.now() + 900 } as const;
    await bff.call("report playback", plan, () => Promise.reject(told)).catch(() => undefined);
    // Asked once, since whoever is nearer has tried; and the history is well.
    expect(recorded).toEqual(["success"]);
  });

  it("who is refused for a fault of their own is told which, in company as alone", async () => {
    const { start } = shardOver();
    const shard = start();
    const bad = beat("film", -1);
    const alone = await shard.report("ada", bad).catch((error: unknown) => error);
    expect(publicDetail(alone)).toContain("can't be kept");
    const { clock, asked, report, outcomes } = gathererOf();
    for (const user of ["first", "ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    const batch = [
      { userId: "ada", reports: bad },
      { userId: "bob", reports: beat("film", 1) },
    ];
    asked[1]?.many.resolve(await shard.reportMany(batch, 850, true));
    await settled();
    expect(outcomes.get("ada")).toMatchObject({ code: "INVALID" });
    expect(publicDetail(outcomes.get("ada"))).toBe(publicDetail(alone));
  });

  it("who has more patience than a second is given an answer that comes within it", async () => {
    const { clock, asked, report, outcomes } = gathererOf();
    for (const user of ["first", "ada", "bob"]) report(user, 3_000);
    clock.turn(GATHER_MS);
    clock.turn(1_200);
    asked[1]?.many.resolve([{ receipt: TAKEN }, { receipt: TAKEN }]);
    await settled();
    expect(outcomes.get("ada")).toMatchObject(TAKEN);
  });
});

describe("at its edges", () => {
  it("a call that returns says nothing of one that has left after it", async () => {
    const { clock, asked, report } = gathererOf();
    report("first");
    report("ada");
    clock.turn(GATHER_MS);
    expect(asked).toHaveLength(2);
    asked[0]?.one.resolve(TAKEN);
    await settled();
    report("bob");
    // Ada's is under way still.
    expect(asked).toHaveLength(2);
  });

  it("a call that returns while others wait takes none of them away, nor those who come after", async () => {
    const { clock, asked, report } = gathererOf();
    report("first");
    report("ada");
    asked[0]?.one.resolve(TAKEN);
    await settled();
    report("bob");
    expect(asked).toHaveLength(1);
    clock.turn(GATHER_MS);
    expect(asked[1]?.users).toEqual(["ada", "bob"]);
  });

  it("nothing is kept any longer than until all of a group are answered", async () => {
    const { clock, asked, report, kept } = gathererOf();
    report("first");
    report("ada");
    report("bob");
    expect(kept()).toBe(1);
    clock.turn(GATHER_MS);
    expect(kept()).toBe(1);
    asked[1]?.many.resolve([{ receipt: TAKEN }, { receipt: TAKEN }]);
    await settled();
    expect(kept()).toBe(0);
  });

  it("whoever sends a group that isn't theirs is kept for it, until it is answered", async () => {
    const { clock, asked, report, kept } = gathererOf();
    report("first");
    report("ada");
    clock.block(GATHER_MS);
    report("bob");
    expect(asked[1]?.users).toEqual(["ada", "bob"]);
    // Ada's request, and bob's.
    expect(kept()).toBe(2);
    asked[1]?.many.resolve([{ receipt: TAKEN }, { receipt: TAKEN }]);
    await settled();
    expect(kept()).toBe(0);
  });

  it("a clock that is set back while something is under way has nobody wait", () => {
    const { clock, asked, report } = gathererOf();
    report("first");
    clock.stepBack(3_600_000);
    report("ada");
    expect(asked).toHaveLength(2);
  });

  it("who gives up does so before their caller does", async () => {
    const { clock, report, outcomes } = gathererOf();
    report("first");
    report("ada", 300);
    clock.turn(296);
    await settled();
    expect(outcomes.get("ada")).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("a shard that has no answer for somebody leaves nobody waiting", async () => {
    const { clock, asked, report, outcomes } = gathererOf();
    for (const user of ["first", "ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    asked[1]?.many.resolve([{ receipt: TAKEN }]);
    await settled();
    expect(outcomes.get("bob")).toBeInstanceOf(Error);
  });

  it("an error of one who is alone is theirs as it is", async () => {
    const { asked, report, outcomes } = gathererOf();
    report("ada");
    asked[0]?.one.reject(new CodedError("INVALID", "not to be kept"));
    await settled();
    expect(outcomes.get("ada")).toMatchObject({ code: "INVALID" });
  });

  it("a call that fails is made again, with all of them and less time", async () => {
    const { clock, asked, report, outcomes } = gathererOf((stub, { now }) =>
      shardStubs({
        namespace: { idFromName: () => ({}) as DurableObjectId, get: () => stub },
        guardOf: () => testGuard({ now }),
      }),
    );
    report("first");
    report("ada", 400);
    report("bob");
    await settled();
    clock.turn(GATHER_MS);
    await settled();
    clock.turn(100);
    asked[1]?.many.reject(new CodedError("UNAVAILABLE", "reset"));
    for (let turn = 0; turn < 5; turn += 1) await settled();
    expect(asked[2]).toMatchObject({ users: ["ada", "bob"], leftMs: 400 - GATHER_MS - 100 });
    asked[2]?.many.resolve([{ receipt: TAKEN }, { receipt: TAKEN }]);
    for (let turn = 0; turn < 5; turn += 1) await settled();
    expect(outcomes.get("ada")).toMatchObject(TAKEN);
  });

  it("a shard is told of no more time than the call has, alone and in company", () => {
    const { clock, asked, report } = gathererOf(
      (stub) => (_shard, _what, _how, call) => call(stub as never, 300),
    );
    for (const user of ["first", "ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    expect(asked.map(({ leftMs }) => leftMs)).toEqual([300, 300]);
  });

  it("one late report among several is enough to go alone", () => {
    const { asked, report } = gathererOf();
    report("first");
    report("ada", 850, [0, 60_000]);
    expect(asked[1]?.users).toEqual(["ada"]);
  });

  it("nobody has waited less than not at all, though the clock is set back", async () => {
    const { clock, asked, report, outcomes } = gathererOf();
    report("first");
    report("ada");
    clock.turn(5);
    clock.stepBack(3_600_000);
    report("bob");
    asked[1]?.many.resolve([{ receipt: TAKEN }, { receipt: TAKEN }]);
    await settled();
    expect([outcomes.get("ada"), outcomes.get("bob")]).toEqual([TAKEN, TAKEN]);
  });

  it("where each has a fault of their own each is told so, though it is the same", async () => {
    const { clock, asked, report, outcomes } = gathererOf();
    for (const user of ["first", "ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    const refused = { failure: { code: "INVALID" } };
    asked[1]?.many.resolve([refused, refused]);
    await settled();
    for (const user of ["ada", "bob"]) expect(outcomes.get(user)).toMatchObject({ code: "INVALID" });
  });

  it("who has all the time in the world waits for seconds, should no answer come", async () => {
    const { clock, report, outcomes } = gathererOf();
    report("first");
    report("ada", Number.POSITIVE_INFINITY);
    clock.turn(9_999);
    await settled();
    expect(outcomes.has("ada")).toBe(false);
    clock.turn(1);
    await settled();
    expect(outcomes.get("ada")).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("a shard that answers nonsense for one is understood for the others, and nothing is kept for it", async () => {
    const { clock, asked, report, outcomes, kept } = gathererOf();
    for (const user of ["first", "ada", "bob", "cyd"]) report(user);
    clock.turn(GATHER_MS);
    asked[1]?.many.resolve([{ receipt: TAKEN }, null as never, { receipt: TAKEN }]);
    await settled();
    expect([outcomes.get("ada"), outcomes.get("cyd")]).toMatchObject([TAKEN, TAKEN]);
    expect(outcomes.get("bob")).toBeInstanceOf(Error);
    expect(kept()).toBe(0);
  });

  it.each([
    ["a text", "what?"],
    ["a failure without a word", { failure: null }],
    ["a receipt without a word", { receipt: null }],
    ["a receipt that says nothing", { receipt: {} }],
    ["a receipt beside what is no failure", { failure: "no", receipt: [] }],
    ["neither a receipt nor a failure", {}],
    ["a number", 5],
    ["nothing", null],
  ])(
    "what the shard says of one that is %s is an error for them alone, wherever it stands",
    async (_what, said) => {
      for (const place of [0, 1]) {
        const { clock, asked, report, outcomes, kept } = gathererOf();
        for (const user of ["first", "ada", "bob", "cyd"]) report(user);
        clock.turn(GATHER_MS);
        const answer: unknown[] = [{ receipt: TAKEN }, { receipt: TAKEN }, { receipt: TAKEN }];
        answer[place] = said;
        asked[1]?.many.resolve(answer as Many);
        for (let turn = 0; turn < 5; turn += 1) await settled();
        const users = ["ada", "bob", "cyd"];
        const told = users.map((user) => outcomes.get(user) instanceof Error);
        expect(told).toEqual(users.map((_user, index) => index === place));
        expect(kept()).toBe(0);
      }
    },
  );

  it.each([
    ["INTERNAL", "INTERNAL"],
    ["INTERNAL", "UNAVAILABLE"],
    ["UNAVAILABLE", "INTERNAL"],
  ] as const)(
    "%s for one and %s for the other is the call's failure, and nobody comes again before their time",
    async (one, other) => {
      const { clock, asked, report, outcomes } = gathererOf();
      for (const user of ["first", "ada", "bob"]) report(user);
      clock.turn(GATHER_MS);
      asked[1]?.many.resolve([
        { failure: { code: one, retryAfterMs: 1_000 } },
        { failure: { code: other, retryAfterMs: 60_000 } },
      ]);
      await settled();
      for (const user of ["ada", "bob"]) {
        expect(outcomes.get(user)).toMatchObject({ code: "UNAVAILABLE", retryAfterMs: 60_000 });
        expect((outcomes.get(user) as CodedError).failedBelow).toBeUndefined();
      }
    },
  );

  it("a group that should have left is sent by who goes alone, too", () => {
    const { clock, asked, report, kept } = gathererOf();
    for (const user of ["first", "ada", "bob"]) report(user);
    // Whoever has led it is gone, and its timer with them.
    clock.block(4 * GATHER_MS);
    report("late", 850, [60_000]);
    expect(asked.map(({ users }) => users)).toEqual([["first"], ["ada", "bob"], ["late"]]);
    // By whom it would have left, and by whom it has.
    expect(kept()).toBe(2);
  });

  it.each([null, undefined, "what?", 5, {}, { receipt: TAKEN }])(
    "an answer to somebody alone that is none, %j, is an error",
    async (nonsense) => {
      const { asked, report, outcomes } = gathererOf();
      report("first");
      asked[0]?.one.resolve(nonsense as never);
      for (let turn = 0; turn < 5; turn += 1) await settled();
      expect(outcomes.get("first")).toBeInstanceOf(Error);
    },
  );

  it("an outage for one takes nothing from who was kept, and a time that is none is not told", async () => {
    const { clock, asked, report, outcomes } = gathererOf();
    for (const user of ["first", "ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    asked[1]?.many.resolve([
      { failure: { code: "UNAVAILABLE", retryAfterMs: "soon" as never } },
      { receipt: TAKEN },
    ]);
    await settled();
    expect(outcomes.get("bob")).toMatchObject(TAKEN);
    expect(outcomes.get("ada")).toMatchObject({ code: "UNAVAILABLE", failedBelow: true });
    expect((outcomes.get("ada") as CodedError).retryAfterMs).toBeUndefined();
  });

  it("nobody is told to come again at once where the shard says no time", async () => {
    const { clock, asked, report, outcomes } = gathererOf();
    for (const user of ["first", "ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    asked[1]?.many.resolve([{ failure: { code: "UNAVAILABLE" } }, { failure: { code: "UNAVAILABLE" } }]);
    await settled();
    expect((outcomes.get("ada") as CodedError).retryAfterMs).toBeUndefined();
  });
});
