import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { ReportReceipt } from "../../../src/contracts/history.ts";
import type { SocketReceipt } from "../../../src/contracts/realtime-rpc.ts";
import type { Incoming } from "../../../src/history/biz/incoming.ts";
import type { ShardCall, ShardPatience } from "../../../src/history/biz/ports.ts";
import { GATHER_MS, ReportGatherer } from "../../../src/history/biz/report-gatherer.ts";
import { isElsewhere, type Elsewhere } from "../../../src/history/biz/shard-mapping.ts";
import type { ShardRpc } from "../../../src/history/biz/shard-rpc.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { settled } from "../support/comet-double.ts";

const FIRST = { version: 1, shards: 4 };
const SECOND = { version: 2, shards: 8 };
const LEFT_MS = 850;
const TAKEN: ReportReceipt = { accepted: 1, ignored: 0 };

type Reply = readonly SocketReceipt[] | Elsewhere;

interface Call {
  readonly shard: number;
  readonly users: readonly string[];
  readonly isOne: boolean;
  readonly patience: ShardPatience | undefined;
  readonly leftMs: number;
  readonly awaitsMore: boolean;
  readonly answer: (reply?: Reply) => void;
  readonly fail: (error: unknown) => void;
}

/** A request of an isolate. */
interface Running {
  /** Its client has gone: the runtime drops it, unless it is kept. */
  isDropped: boolean;
  /** It has ended, whatever it was kept for. */
  isEnded: boolean;
  kept: number;
}

/** Requests of one isolate, of which the runtime drops whoever's client has gone. */
function isolate() {
  const clock = new VirtualTime();
  const calls: Call[] = [];
  /** The request whose code runs. */
  let running: Running = { isDropped: false, isEnded: false, kept: 0 };
  const arrived = (call: Omit<Call, "answer" | "fail">): Promise<Reply> => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const taken = call.users.map(() => ({ receipt: TAKEN }));
    calls.push({ ...call, answer: (reply = taken) => resolve(reply), fail: reject });
    return promise;
  };
  const callShard: ShardCall = (shard, _what, { patience }, ask) => {
    const stub = {
      report: async (
        userId: string,
        _reports: unknown,
        _sent: unknown,
        _mapping: unknown,
        leftMs: number,
      ) => {
        const call = { shard, users: [userId], isOne: true, patience, leftMs, awaitsMore: true };
        const reply = await arrived(call);
        if (isElsewhere(reply)) return reply;
        const [one] = reply;
        if (one !== undefined && "receipt" in one) return one.receipt;
        throw new CodedError("UNAVAILABLE", "refused");
      },
      reportMany: (
        batch: readonly Incoming[],
        _sent: unknown,
        _mapping: unknown,
        leftMs: number,
        awaitsMore: boolean,
      ) => {
        const users = batch.map(({ userId }) => userId);
        return arrived({ shard, users, isOne: false, patience, leftMs, awaitsMore });
      },
    };
    return ask(stub as unknown as ShardRpc, LEFT_MS);
  };
  const gatherer = new ReportGatherer({
    callShard,
    now: clock.now,
    schedule: (delayMs, callback) => {
      const mine = running;
      return clock.after(delayMs, () => {
        if (mine.isEnded || (mine.isDropped && mine.kept === 0)) return;
        running = mine;
        callback();
      });
    },
    keep: (work) => {
      const mine = running;
      mine.kept += 1;
      void work.then(() => (mine.kept -= 1));
    },
  });
  const outcomes = new Map<string, unknown>();
  const toldAtMs = new Map<string, number>();
  const report = (
    userId: string,
    { shard = 0, mapping = FIRST, leftMs = LEFT_MS, reports = 1, isHurried = false, agoMs = 0 } = {},
  ) => {
    const mine: Running = { isDropped: false, isEnded: false, kept: 0 };
    running = mine;
    const beats = Array.from({ length: reports }, (_, place) => ({
      kind: "video" as const,
      itemId: `item-${place}`,
      positionMs: 1,
      event: "playing" as const,
      at: clock.now() - agoMs,
    }));
    const patience = { deadlineAtMs: clock.now() + leftMs, isHurried };
    const answer = gatherer.report(shard, mapping, { userId, reports: beats }, patience);
    const tell = (outcome: unknown): void => {
      outcomes.set(userId, outcome);
      toldAtMs.set(userId, clock.now());
    };
    answer.then(tell, tell);
    return { answer, drop: () => (mine.isDropped = true), end: () => (mine.isEnded = true) };
  };
  return { clock, calls, report, outcomes, toldAtMs };
}

/** One has gone off and is on its way, so that whoever comes waits for company. */
function busyIsolate() {
  const all = isolate();
  all.report("first");
  return all;
}

const users = ({ calls }: { readonly calls: readonly Call[] }) => calls.map((call) => call.users);

describe("reports of an isolate to one shard", () => {
  it("go at once and alone while nothing is on its way there, and have waited for nobody", async () => {
    const { calls, report } = isolate();
    const { answer } = report("ada");
    expect(calls).toMatchObject([{ users: ["ada"], isOne: true }]);
    calls[0]?.answer();
    expect(await answer).toEqual(TAKEN);
    await settled();
    report("bob");
    expect(calls).toMatchObject([{ isOne: true }, { users: ["bob"], isOne: true }]);
  });

  it("wait for others while something is, so long and no longer, and go in one call that may wait for more", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    report("ada");
    clock.turn(10);
    report("bob");
    clock.turn(GATHER_MS - 11);
    expect(calls).toHaveLength(1);
    clock.turn(1);
    expect(calls[1]).toMatchObject({ users: ["ada", "bob"], isOne: false, awaitsMore: true });
    calls[1]?.answer([{ receipt: { ...TAKEN, waitedMs: 100 } }, { receipt: TAKEN }]);
    await settled();
    expect(outcomes.get("ada")).toEqual({ ...TAKEN, waitedMs: 100 + GATHER_MS });
    expect(outcomes.get("bob")).toEqual({ ...TAKEN, waitedMs: GATHER_MS - 10 });
  });

  it("wait for nobody who goes to another shard, or by another mapping", () => {
    const here = busyIsolate();
    here.report("ada", { shard: 1 });
    here.report("bob");
    here.report("cy", { mapping: SECOND });
    expect(users(here)).toEqual([["first"], ["ada"], ["bob"]]);
    here.clock.turn(GATHER_MS);
    expect(users(here)).toEqual([["first"], ["ada"], ["bob"], ["cy"]]);
  });

  it("leave as soon as there are a thousand of them", () => {
    const here = busyIsolate();
    for (let user = 0; user < 10; user += 1) here.report(`u-${user}`, { reports: 100 });
    expect(here.calls).toHaveLength(1);
    here.report("one more");
    expect(users(here)[1]).toHaveLength(10);
    here.clock.turn(GATHER_MS);
    expect(users(here)[2]).toEqual(["one more"]);
  });

  it("go alone where they have little time, or the shard may have to look something up first", () => {
    const here = busyIsolate();
    here.report("ada");
    here.report("hurried", { leftMs: 199, isHurried: true });
    here.report("late", { agoMs: 11_000 });
    here.report("ahead", { agoMs: -11_000 });
    here.report("bob");
    expect(users(here)).toEqual([["first"], ["hurried"], ["late"], ["ahead"]]);
    expect(here.calls[1]?.patience).toMatchObject({ isHurried: true });
    here.clock.turn(GATHER_MS);
    expect(users(here)[4]).toEqual(["ada", "bob"]);
  });

  it("have the patience of the most patient, and the shard is told what the least has left now", () => {
    const here = busyIsolate();
    here.report("ada", { leftMs: 300, isHurried: true });
    here.report("bob");
    here.clock.turn(GATHER_MS);
    expect(here.calls[1]).toMatchObject({
      leftMs: 300 - GATHER_MS,
      patience: { deadlineAtMs: here.clock.now() - GATHER_MS + LEFT_MS, isHurried: false },
    });
  });

  it("tell only of a wait that was meant, however late its timer is", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    report("ada");
    clock.turn(GATHER_MS - 3);
    report("bob");
    clock.block(40);
    clock.turn(0);
    calls[1]?.answer();
    await settled();
    expect(outcomes.get("bob")).toEqual({ ...TAKEN, waitedMs: 3 });
  });

  it("are told each for itself: what is wrong with one is nobody else's", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    for (const user of ["ada", "bob", "cy", "dee"]) report(user);
    clock.turn(GATHER_MS);
    calls[1]?.answer([
      { failure: { code: "INVALID" } },
      { receipt: TAKEN },
      { failure: { code: "OVERLOADED", retryAfterMs: 5_000 } },
      { failure: { code: "what?" } },
    ]);
    await settled();
    expect(outcomes.get("ada")).toMatchObject({ code: "INVALID" });
    expect(outcomes.get("bob")).toMatchObject(TAKEN);
    expect(outcomes.get("cy")).toMatchObject({ code: "OVERLOADED", retryAfterMs: 5_000, failedBelow: true });
    expect(outcomes.get("dee")).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("are all refused where their faults are their own, and each by its own", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    for (const user of ["ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    calls[1]?.answer([
      { failure: { code: "UNAVAILABLE" } },
      { failure: { code: "OVERLOADED", retryAfterMs: 5_000 } },
    ]);
    await settled();
    expect(outcomes.get("ada")).toMatchObject({ code: "UNAVAILABLE" });
    expect(outcomes.get("bob")).toMatchObject({ code: "OVERLOADED", retryAfterMs: 5_000 });
  });

  it("fail together where the call does, or nothing could be done for any", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    for (const user of ["ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    calls[1]?.fail(new CodedError("CIRCUIT_OPEN", "left alone"));
    for (const user of ["cy", "dee"]) report(user);
    clock.turn(GATHER_MS);
    const full = { failure: { code: "OVERLOADED", retryAfterMs: 5_000 } };
    calls[2]?.answer([full, full]);
    await settled();
    // A breaker counts it as it counts one's.
    expect((outcomes.get("cy") as CodedError).failedBelow).toBeUndefined();
    for (const user of ["ada", "bob"]) expect(outcomes.get(user)).toMatchObject({ code: "CIRCUIT_OPEN" });
    for (const user of ["cy", "dee"])
      expect(outcomes.get(user)).toMatchObject({ code: "OVERLOADED", retryAfterMs: 5_000 });
  });

  it("are not told that theirs is bad where another release refuses the call", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    for (const user of ["ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    calls[1]?.fail(new CodedError("INVALID", "what is a batch?"));
    await settled();
    for (const user of ["ada", "bob"]) expect(outcomes.get(user)).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("are sent on at once where the shard says so: what has come back is no longer on its way", async () => {
    const { calls, report } = isolate();
    const { answer } = report("ada");
    const again = answer.then(() => report("ada", { mapping: SECOND }));
    calls[0]?.answer({ elsewhere: SECOND });
    await again;
    expect(calls).toHaveLength(2);
    calls[1]?.fail(new CodedError("UNAVAILABLE", "away"));
    const third = (await again).answer.catch(() => report("ada", { mapping: SECOND }));
    await third;
    expect(calls).toHaveLength(3);
  });

  it("are all sent on where the shard says that they belong elsewhere", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    for (const user of ["ada", "bob"]) report(user);
    clock.turn(GATHER_MS);
    calls[1]?.answer({ elsewhere: SECOND });
    await settled();
    for (const user of ["ada", "bob"]) expect(outcomes.get(user)).toEqual({ elsewhere: SECOND });
  });
});

describe("a request whose client has gone", () => {
  it("still sends those who wait with it", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    const leader = report("ada");
    report("bob");
    leader.drop();
    clock.turn(GATHER_MS);
    calls[1]?.answer();
    await settled();
    expect(outcomes.get("bob")).toMatchObject(TAKEN);
  });

  it("that ends all the same keeps nobody for longer than they wait, and who comes next sends the rest", async () => {
    const { clock, calls, report, outcomes } = busyIsolate();
    const leader = report("ada");
    report("bob");
    leader.end();
    clock.block(GATHER_MS);
    expect(calls).toHaveLength(1);
    report("cy");
    expect(calls[1]).toMatchObject({ users: ["ada", "bob", "cy"] });
    // Nobody answers any more.
    clock.turn(LEFT_MS);
    await settled();
    for (const user of ["bob", "cy"])
      expect(outcomes.get(user)).toMatchObject({ code: "DEADLINE_EXCEEDED", failedBelow: true });
  });

  it("is no company for ever: once its call must have ended, who comes goes alone again", () => {
    const { clock, calls, report } = busyIsolate();
    clock.turn(1_000);
    report("ada");
    expect(calls[1]).toMatchObject({ users: ["ada"], isOne: true });
  });

  it("holds up nobody where the clock is set back", () => {
    const here = busyIsolate();
    const leader = here.report("ada");
    leader.end();
    here.clock.stepBack(3_600_000);
    here.report("bob");
    expect(users(here)).toEqual([["first"], ["ada", "bob"]]);
    here.report("cy");
    here.clock.turn(GATHER_MS);
    expect(users(here)[2]).toEqual(["cy"]);
  });
});

describe("whatever becomes of requests and calls", () => {
  const fate = fc.oneof(
    { arbitrary: fc.constant("stays" as const), weight: 6 },
    fc.constant("dropped" as const),
    fc.constant("ended" as const),
  );
  const arrivals = fc.array(
    fc.record({
      afterMs: fc.nat(40),
      fate,
      fateMs: fc.nat(60),
      leftMs: fc.integer({ min: 5, max: LEFT_MS }),
    }),
    { minLength: 1, maxLength: 30 },
  );
  const replies = fc.array(
    fc.record({ afterMs: fc.nat(120), kind: fc.constantFrom("taken", "taken", "some", "fails", "hangs") }),
    { minLength: 1, maxLength: 10 },
  );

  it("each that waits is answered in its time, and is told that it was taken only if it was", async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, replies, async (given, answers) => {
        const { clock, calls, report, outcomes, toldAtMs } = isolate();
        const taken = new Set<string>();
        const sentAtMs = new Map<string, number>();
        let seen = 0;
        const answerCalls = (): void => {
          for (; seen < calls.length; seen += 1) {
            const call = calls[seen];
            const { afterMs, kind } = answers[seen % answers.length] ?? { afterMs: 0, kind: "taken" };
            if (call === undefined) continue;
            for (const user of call.users) sentAtMs.set(user, clock.now());
            if (kind === "hangs") continue;
            clock.after(afterMs, () => {
              if (kind === "fails") return call.fail(new Error("reset"));
              const areTaken = call.users.map((_, place) => kind === "taken" || place % 2 === 0);
              for (const [place, user] of call.users.entries()) if (areTaken[place] === true) taken.add(user);
              call.answer(
                areTaken.map((isTaken) =>
                  isTaken ? { receipt: TAKEN } : { failure: { code: "UNAVAILABLE" } },
                ),
              );
            });
          }
        };
        const step = async (ms: number): Promise<void> => {
          for (let passed = 0; passed < ms; passed += 5) {
            clock.turn(5);
            answerCalls();
            await settled();
          }
        };
        const requests: { user: string; atMs: number; leftMs: number; fate: string }[] = [];
        for (const [number, { afterMs, fate: end, fateMs, leftMs }] of given.entries()) {
          await step(afterMs);
          const user = `u-${number}`;
          const request = report(user, { leftMs });
          answerCalls();
          requests.push({ user, atMs: clock.now(), leftMs, fate: end });
          if (end === "dropped") clock.after(fateMs, () => void request.drop());
          if (end === "ended") clock.after(fateMs, () => void request.end());
        }
        await step(2 * LEFT_MS);
        const isAllKept = requests.every((request) => request.fate !== "ended");
        for (const { user, atMs, leftMs, fate: end } of requests) {
          const outcome = outcomes.get(user);
          const isToldTaken = outcome !== undefined && !(outcome instanceof Error);
          const waitedMs = (sentAtMs.get(user) ?? Number.POSITIVE_INFINITY) - atMs;
          const toldAfterMs = (toldAtMs.get(user) ?? Number.POSITIVE_INFINITY) - atMs;
          // A call of its own that nobody answers is its guard's to end.
          const isAlone = calls.some((call) => call.isOne && call.users[0] === user);
          expect([user, !isToldTaken || taken.has(user)]).toEqual([user, true]);
          expect([user, !isAllKept || waitedMs <= GATHER_MS + 5]).toEqual([user, true]);
          expect([user, end !== "stays" || isAlone || toldAfterMs <= leftMs + 5]).toEqual([user, true]);
        }
        expect(calls.length).toBeLessThanOrEqual(requests.length);
      }),
      { numRuns: 60 },
    );
  });
});
