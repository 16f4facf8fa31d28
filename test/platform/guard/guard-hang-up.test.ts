import { describe, expect, it } from "vitest";
import { CodedError, codeOf } from "../../../src/contracts/errors.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import type { Guard } from "../../../src/platform/guard/guard.ts";
import type { Breaker } from "../../../src/resilience/breaker/breaker.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { OVERLOAD_LIMITERS, overloadLimiter } from "../../../src/resilience/overload/overload-limiters.ts";
import type { OverloadLimiter, WorkOutcome } from "../../../src/resilience/overload/overload-limiter.ts";
import { SreBreaker } from "../../../src/resilience/breaker/sre-breaker.ts";
import { never } from "../../support/workers/hung-bindings.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const TICK_MS = 10;
const ROUTE_MS = 1_000;
const plan = (clock: VirtualTime) =>
  ({ kind: "read", idempotent: true, deadlineAtMs: clock.now() + ROUTE_MS }) as const;

/** A limiter that admits everybody and writes down what it is told. */
function listening(): { readonly limiter: OverloadLimiter; readonly told: WorkOutcome[] } {
  const told: WorkOutcome[] = [];
  const limiter: OverloadLimiter = {
    admit: () => true,
    done: (_nowMs, _startedAtMs, outcome) => void told.push(outcome),
    view: () => ({ inFlight: 0, limit: 1, shedding: false }),
  };
  return { limiter, told };
}

/**
 * As the runtime does it: the code behind a client who hung up is never run again, so the call
 * never returns.
 */
function hangingUp(guard: Guard, clock: VirtualTime, isTold: boolean): () => void {
  const client = new AbortController();
  const told = isTold ? { hangUp: client } : {};
  void guard.call("work", { ...plan(clock), ...told }, () => never).catch(() => undefined);
  return () => client.abort();
}

describe("a client who hangs up", () => {
  // I11, I12
  it("frees the place at once where the runtime tells it, and tells the limiter and the breaker nothing", async () => {
    const clock = new VirtualTime();
    const { limiter, told } = listening();
    const breaker = new HystrixBreaker();
    const guard = testGuard({
      now: clock.now,
      maxConcurrent: 1,
      overload: limiter,
      breaker,
      timer: { withTimeout: (answer) => answer },
    });
    for (let client = 0; client < 50; client += 1) {
      const hangUp = hangingUp(guard, clock, true);
      await Promise.resolve();
      clock.turn(TICK_MS);
      hangUp();
      expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    }
    expect(new Set(told.filter((_outcome, index) => index % 2 === 0))).toEqual(new Set(["none"]));
    expect(breaker.view(clock.now())).toMatchObject({ state: "closed", failures: 0, total: 50 });
  });

  it("frees it in the end where nobody tells it, and says as little", async () => {
    const clock = new VirtualTime();
    const { limiter, told } = listening();
    const guard = testGuard({
      now: clock.now,
      maxConcurrent: 1,
      overload: limiter,
      timer: { withTimeout: (answer) => answer },
    });
    hangingUp(guard, clock, false);
    await expect(guard.call("work", plan(clock), async () => "done")).rejects.toMatchObject({
      code: "OVERLOADED",
    });
    clock.turn(ROUTE_MS + 1_000);
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    // The second was never made: that is no failure of the upstream's either.
    expect(told).toEqual(["none", "none", "success"]);
  });

  // I12
  it("gives the trial of a half-open breaker back: the next one after the pause is somebody else's", async () => {
    const clock = new VirtualTime();
    const breaker = new HystrixBreaker({ openMs: 1_000, trialTimeoutMs: 600_000 });
    const guard = testGuard({ now: clock.now, breaker, timer: { withTimeout: (answer) => answer } });
    breaker.trip(clock.now());
    clock.turn(1_000);
    const hangUp = hangingUp(guard, clock, true);
    await Promise.resolve();
    hangUp();
    clock.turn(1_000);
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    expect(breaker.view(clock.now()).state).toBe("closed");
  });

  it("keeps nobody else from an upstream that works again, though it had been away for long and each trial is hung up", async () => {
    const clock = new VirtualTime();
    const breaker = new HystrixBreaker({ openMs: 60_000 });
    const guard = testGuard({ now: clock.now, breaker, timer: { withTimeout: (answer) => answer } });
    breaker.trip(clock.now());
    clock.turn(60_000);
    for (let client = 0; client < 10; client += 1) {
      const hangUp = hangingUp(guard, clock, true);
      await Promise.resolve();
      expect(breaker.view(clock.now()).state).toBe("half_open");
      hangUp();
      clock.turn(1_000);
    }
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
  });

  it("is not counted among the attempts of an SRE breaker, which would reject others for them", async () => {
    for (const isTold of [true, false]) {
      const clock = new VirtualTime();
      const breaker = new SreBreaker();
      const guard = testGuard({ now: clock.now, breaker, timer: { withTimeout: (answer) => answer } });
      for (let client = 0; client < 100; client += 1) {
        const hangUp = hangingUp(guard, clock, isTold);
        await Promise.resolve();
        if (isTold) hangUp();
      }
      clock.turn(ROUTE_MS + 1_000);
      expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
      expect(breaker.view(clock.now())).toEqual({ state: "closed", total: 1, failures: 0 });
    }
  });
});

describe("a client of a BFF's who hangs up", () => {
  it("has no place with the service behind it from then on", async () => {
    const rpc = guardedRpc(
      { work: (hangs: boolean) => (hangs ? never : Promise.resolve("done")) },
      testGuard({ maxConcurrent: 1 }),
    );
    const client = new AbortController();
    const scope = {
      requestId: "r",
      traceparent: "",
      principal: null,
      deadlineAtMs: Date.now() + ROUTE_MS,
      hangUp: client,
    };
    void rpc.read(scope, "work", (service) => service.work(true)).catch(() => undefined);
    await expect(rpc.read(scope, "work", (service) => service.work(false))).rejects.toMatchObject({
      code: "OVERLOADED",
    });
    client.abort();
    expect(await rpc.read(scope, "work", (service) => service.work(false))).toBe("done");
  });
});

describe("a call that was taken for gone, but tried again", () => {
  // I12
  it("gives back the trial that its new try is, once its client hangs up", async () => {
    const clock = new VirtualTime();
    const breaker = new HystrixBreaker({ openMs: 1_000, trialTimeoutMs: 600_000 });
    const pause = Promise.withResolvers<undefined>();
    const guard = testGuard({
      now: clock.now,
      breaker,
      timeoutMs: 400,
      sleep: () => pause.promise,
      timer: { withTimeout: (answer) => answer },
    });
    const hangUp = new AbortController();
    const tries = [
      () => Promise.reject(new CodedError("UNAVAILABLE", "later", { retryAfterMs: 5_000 })),
      () => never,
    ];
    const patient = { ...plan(clock), deadlineAtMs: clock.now() + 20_000 };
    void guard.call("work", { ...patient, hangUp }, () => tries.shift()?.() ?? never).catch(() => undefined);
    await new Promise((done) => void setImmediate(done));
    clock.turn(5_000);
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    breaker.trip(clock.now());
    clock.turn(1_000);
    pause.resolve(undefined);
    await new Promise((done) => void setImmediate(done));
    expect([tries.length, breaker.view(clock.now()).state]).toEqual([0, "half_open"]);
    hangUp.abort();
    clock.turn(1_000);
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
  });
});

describe("a client who has hung up before it is listened to", () => {
  // I11
  it("keeps no place of the calls that are made for it all the same", async () => {
    const clock = new VirtualTime();
    const { limiter, told } = listening();
    const guard = testGuard({
      now: clock.now,
      maxConcurrent: 1,
      overload: limiter,
      timer: { withTimeout: (answer) => answer },
    });
    const hangUp = new AbortController();
    hangUp.abort();
    void guard.call("work", { ...plan(clock), hangUp }, () => never).catch(() => undefined);
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    // One that does return gives its place back no second time.
    expect(await guard.call("work", { ...plan(clock), hangUp }, async () => "late")).toBe("late");
    expect(told).toEqual(["none", "success", "none"]);
    void guard.call("work", plan(clock), () => never).catch(() => undefined);
    await expect(guard.call("work", plan(clock), async () => "done")).rejects.toMatchObject({
      code: "OVERLOADED",
    });
  });

  // I12
  it("keeps no trial of a breaker", async () => {
    const clock = new VirtualTime();
    const breaker = new HystrixBreaker({ openMs: 1_000, trialTimeoutMs: 600_000 });
    const guard = testGuard({ now: clock.now, breaker, timer: { withTimeout: (answer) => answer } });
    const others = new AbortController();
    await guard.call("work", { ...plan(clock), hangUp: others }, async () => "done");
    breaker.trip(clock.now());
    clock.turn(1_000);
    const hangUp = new AbortController();
    hangUp.abort();
    void guard.call("work", { ...plan(clock), hangUp }, () => never).catch(() => undefined);
    await Promise.resolve();
    clock.turn(1_000);
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    expect(breaker.view(clock.now()).state).toBe("closed");
  });
});

describe("listening for hang-ups, which costs each call something", () => {
  /** Makes so many calls of callers who wait, and tells how many of them were listened for. */
  async function listenedFor(guard: Guard, clock: VirtualTime, calls: number): Promise<number> {
    let listeners = 0;
    for (let call = 0; call < calls; call += 1) {
      const hangUp = new AbortController();
      const { signal } = hangUp;
      const add = signal.addEventListener.bind(signal);
      signal.addEventListener = (type: string, listener: () => void) => {
        listeners += 1;
        add(type, listener);
      };
      await guard.call("work", { ...plan(clock), hangUp }, async () => "done");
    }
    return listeners;
  }

  it("is done for one call in sixteen, and for all of them during a minute after a hang-up", async () => {
    const clock = new VirtualTime();
    const guard = testGuard({ now: clock.now, timer: { withTimeout: (answer) => answer } });
    expect(await listenedFor(guard, clock, 160)).toBe(10);
    hangingUp(guard, clock, true)();
    expect(await listenedFor(guard, clock, 50)).toBe(50);
    clock.turn(59_999);
    expect(await listenedFor(guard, clock, 16)).toBe(16);
    clock.turn(1);
    expect(await listenedFor(guard, clock, 160)).toBe(10);
  });

  it("hears whoever hangs up again and again, and all calls of the same caller at once", async () => {
    const clock = new VirtualTime();
    const guard = testGuard({
      now: clock.now,
      maxConcurrent: 18,
      timer: { withTimeout: (answer) => answer },
    });
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    await listenedFor(guard, clock, 1);
    for (let client = 0; client < 100; client += 1) {
      hangingUp(guard, clock, true)();
      await Promise.resolve();
      clock.turn(TICK_MS);
      expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
    }
    const client = new AbortController();
    for (let call = 0; call < 3; call += 1)
      void guard.call("work", { ...plan(clock), hangUp: client }, () => never).catch(() => undefined);
    client.abort();
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
  });

  it("is done for every call once a quarter of the lane is taken: no burst keeps more than that", async () => {
    const clock = new VirtualTime();
    const guard = testGuard({
      now: clock.now,
      maxConcurrent: 64,
      timer: { withTimeout: (answer) => answer },
    });
    const hangUps = Array.from({ length: 64 }, () => hangingUp(guard, clock, true));
    await Promise.resolve();
    for (const hangUp of hangUps) hangUp();
    const others = Array.from({ length: 48 }, () => guard.call("work", plan(clock), async () => "done"));
    expect(new Set(await Promise.all(others))).toEqual(new Set(["done"]));
  });

  it("leaves room for all others, though each sixteenth caller, who is listened for, is patient", async () => {
    const clock = new VirtualTime();
    const guard = testGuard({
      now: clock.now,
      maxConcurrent: 64,
      timer: { withTimeout: (answer) => answer },
    });
    for (let call = 0; call < 1_000; call += 1) {
      if (call % 16 === 0)
        await guard.call("work", { ...plan(clock), hangUp: new AbortController() }, async () => "done");
      else hangingUp(guard, clock, true)();
      clock.turn(5);
    }
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
  });

  it("is done for every dear call, whose places are few and kept for long", async () => {
    const clock = new VirtualTime();
    const guard = testGuard({
      now: clock.now,
      maxConcurrentDear: 64,
      timer: { withTimeout: (answer) => answer },
    });
    const dear = { ...plan(clock), isDear: true };
    const clients = Array.from({ length: 64 }, () => new AbortController());
    for (const hangUp of clients)
      void guard.call("work", { ...dear, hangUp }, () => never).catch(() => undefined);
    for (const client of clients) client.abort();
    const others = clients.map(() => guard.call("work", dear, async () => "done"));
    expect(new Set(await Promise.all(others))).toEqual(new Set(["done"]));
  });

  it("is done for every trial of a breaker, for which all others wait", async () => {
    const clock = new VirtualTime();
    const breaker = new HystrixBreaker({ openMs: 1_000, trialTimeoutMs: 600_000 });
    const guard = testGuard({ now: clock.now, breaker, timer: { withTimeout: (answer) => answer } });
    await listenedFor(guard, clock, 1);
    breaker.trip(clock.now());
    clock.turn(1_000);
    const hangUp = hangingUp(guard, clock, true);
    await Promise.resolve();
    hangUp();
    clock.turn(1_000);
    expect(await guard.call("work", plan(clock), async () => "done")).toBe("done");
  });
});

describe("a service, which is told of no hang-up", () => {
  it("has a call go on to where its place is given back: fifty clients a second who are gone, on a database that is slow, fill no places", async () => {
    const clock = new VirtualTime();
    const kept = new Set<Promise<unknown>>();
    const guard = testGuard({
      now: clock.now,
      maxConcurrent: 64,
      timeoutMs: 2_000,
      timer: { withTimeout: (answer) => answer },
      keep: (work) => void kept.add(work),
    });
    let answers: (() => void)[] = [];
    for (let client = 0; client < 200; client += 1) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const size = kept.size;
      void guard
        .call("read", { ...plan(clock), deadlineAtMs: clock.now() + 2_500 }, () => promise)
        .catch(() => undefined);
      // What is not kept is never run again.
      if (kept.size > size) answers.push(() => resolve("late"));
      if (client % 5 === 4) {
        for (const answer of answers) answer();
        answers = [];
      }
      await new Promise((done) => void setImmediate(done));
      clock.turn(20);
      expect(await guard.call("read", plan(clock), async () => "done")).toBe("done");
    }
  });

  it("has no call go on while an eighth of the lane is taken at most, and every one from there on", async () => {
    const kept: Promise<unknown>[] = [];
    const guard = testGuard({ maxConcurrent: 16, keep: (work) => void kept.push(work) });
    const call = () =>
      guard.call(
        "read",
        { kind: "read", idempotent: true, deadlineAtMs: Date.now() + ROUTE_MS },
        () => promise,
      );
    const { promise, resolve } = Promise.withResolvers<string>();
    const calls = [call(), call()];
    expect(kept).toHaveLength(0);
    calls.push(call(), call());
    expect(kept).toHaveLength(2);
    resolve("done");
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 4 }, () => "done"));
  });

  it("has every trial of a breaker go on: others wait for what it finds out", async () => {
    const clock = new VirtualTime();
    const kept: Promise<unknown>[] = [];
    const breaker = new HystrixBreaker({ callsMin: 1 });
    const guard = testGuard({ breaker, now: clock.now, keep: (work) => void kept.push(work) });
    const down = () => Promise.reject(new CodedError("UNAVAILABLE", "down"));
    await expect(guard.call("write", { ...plan(clock), idempotent: false }, down)).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(kept).toHaveLength(0);
    clock.turn(6_000);
    await guard.call("write", { ...plan(clock), idempotent: false }, async () => "up");
    expect(kept).toHaveLength(1);
  });

  it("is kept alive where only its second attempt is the trial of a breaker", async () => {
    const kept: Promise<unknown>[] = [];
    const clock = new VirtualTime();
    const admissions = [{ kind: "admitted" }, { kind: "trial" }] as const;
    let asked = 0;
    const breaker: Breaker = {
      admit: () => admissions[asked++] ?? { kind: "admitted" },
      record: () => undefined,
      view: () => ({ state: "closed", total: 0, failures: 0 }),
    };
    const guard = testGuard({ breaker, now: clock.now, keep: (work) => void kept.push(work) });
    let attempts = 0;
    void guard
      .call("read", plan(clock), () => {
        attempts += 1;
        return attempts === 1 ? Promise.reject(new CodedError("UNAVAILABLE", "not now")) : never;
      })
      .catch(() => undefined);
    expect(kept).toHaveLength(0);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect([attempts, kept.length]).toEqual([2, 1]);
  });

  it("is not asked to where hang-ups are told: what nobody waits for any more is dropped there", async () => {
    const kept: Promise<unknown>[] = [];
    const guard = testGuard({ keep: (work) => void kept.push(work) });
    await guard.call(
      "read",
      {
        kind: "read",
        idempotent: true,
        deadlineAtMs: Date.now() + ROUTE_MS,
        hangUp: new AbortController(),
      },
      async () => "done",
    );
    expect(kept).toEqual([]);
  });
});

describe("twenty clients a second who hang up", () => {
  const runs = OVERLOAD_LIMITERS.flatMap((kind) => [true, false].map((isTold) => [kind, isTold] as const));

  it.each(runs)("make %s refuse nobody else (told at once: %s)", async (kind, isTold) => {
    const clock = new VirtualTime();
    const guard = testGuard({
      now: clock.now,
      overload: overloadLimiter(kind, {}),
      timer: { withTimeout: (answer) => answer },
    });
    const answers: string[] = [];
    let waiting: (() => void)[] = [];
    for (let tick = 0; tick < 3_000; tick += 1) {
      clock.turn(TICK_MS);
      for (const answer of waiting) answer();
      waiting = [];
      if (tick % 5 === 0) {
        const hangUp = hangingUp(guard, clock, isTold);
        if (isTold) waiting.push(hangUp);
      }
      // Others, 100 a second, each answered at the next tick.
      const { promise, resolve } = Promise.withResolvers<string>();
      waiting.push(() => resolve("ok"));
      void guard
        .call("work", plan(clock), () => promise)
        .then(
          (answer) => answers.push(answer),
          (error: unknown) => answers.push(codeOf(error)),
        );
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(answers.filter((answer) => answer !== "ok")).toEqual([]);
    expect(answers.length).toBeGreaterThan(2_900);
  });
});
