import { describe, expect, it, vi } from "vitest";
import { ofEachUpstream, UPSTREAM_NAMES } from "../../src/contracts/internal-request.ts";
import { upstreamLimiters, readyGuards } from "../../src/gateway/upstream-guards.ts";
import type { Guard } from "../../src/platform/guard/guard.ts";
import type { MakeGuard, UpstreamOptions } from "../../src/platform/guard/guard-kit.ts";
import { OVERLOAD_LIMITERS } from "../../src/resilience/overload/overload-limiters.ts";
import type { OverloadLimiter } from "../../src/resilience/overload/overload-limiter.ts";
import { never } from "../support/workers/hung-bindings.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { testGuard } from "../support/workers/test-guard.ts";
import { VirtualTime } from "../../testbed/virtual-time.ts";

const READY = { status: "ready", upstreams: { account: "ok", app: "ok", ops: "ok", realtime: "ok" } };
/** As many are asked. */
const ALL = UPSTREAM_NAMES.length;
const UNKNOWN = { account: "unknown", app: "unknown", ops: "unknown", realtime: "unknown" };

/** A gateway that has so many places to ask each BFF from, under a clock that a test turns. */
async function withReadyPlaces(maxConcurrent: number, upstream: () => Response | Promise<Response>) {
  const clock = new VirtualTime();
  const guard = (): Guard =>
    testGuard({ now: clock.now, maxConcurrent, timer: { withTimeout: (answer) => answer } });
  const gateway = await testGateway(upstream, {
    now: clock.now,
    readyGuards: ofEachUpstream(guard),
    sleep: () => new Promise((resolve) => void setImmediate(resolve)),
  });
  return { ...gateway, clock };
}

/** Has more work under way than the limiter admits, and all of it slow. */
function overload(limiter: OverloadLimiter): void {
  const nowMs = Date.now();
  for (let count = 0; count < 200; count += 1) limiter.admit(nowMs, "critical_plus");
  for (let count = 0; count < 20; count += 1) limiter.done(nowMs, nowMs, "overloaded");
  for (let count = 0; count < 200; count += 1) limiter.admit(nowMs, "critical");
  expect(limiter.view(nowMs).shedding).toBe(true);
}

describe("readiness", () => {
  it("is found out once a second, however many ask, one after another or at once", async () => {
    const { call, clock, forwarded } = await testGateway();
    for (let second = 1; second <= 5; second += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => call("/readyz")));
      for (const answer of answers) expect([answer.status, await answer.json()]).toEqual([200, READY]);
      for (let request = 0; request < 50; request += 1) expect((await call("/readyz")).status).toBe(200);
      expect(forwarded).toHaveLength(second * ALL);
      clock.turn(1_000);
    }
  });

  it("that has changed is told after a second", async () => {
    let isWell = true;
    const { call, clock } = await testGateway(() =>
      isWell ? Response.json({}) : new Response(null, { status: 503 }),
    );
    expect((await call("/readyz")).status).toBe(200);
    isWell = false;
    clock.turn(999);
    expect((await call("/readyz")).status).toBe(200);
    clock.turn(1);
    expect((await call("/readyz")).status).toBe(503);
    isWell = true;
    clock.turn(1_000);
    expect((await call("/readyz")).status).toBe(200);
  });

  it("is asked for in lanes of its own: a full BFF is still ready, and a full readiness keeps nobody from it", async () => {
    const full = testGuard({ maxConcurrent: 1 });
    const { call, forwarded } = await testGateway(
      (request) => (request.url.endsWith("/refresh") ? never : Response.json({})),
      {
        guards: ofEachUpstream(() => full),
        now: Date.now,
      },
    );
    const refresh = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    void call("/v1/account/refresh", refresh);
    await vi.waitFor(() => expect(forwarded).toHaveLength(1));
    expect((await call("/v1/account/refresh", refresh)).status).toBe(503);
    expect((await call("/readyz")).status).toBe(200);
  });

  it("is asked for again by one of those who wait, where whoever asked was lost", async () => {
    const { promise: answering, resolve: answer } = Promise.withResolvers<void>();
    let isLost = true;
    const { call, clock, forwarded } = await withReadyPlaces(2, async () => {
      if (isLost) return never;
      await answering;
      return Response.json({});
    });
    const answers = Array.from({ length: 20 }, () => call("/readyz"));
    await vi.waitFor(() => expect(forwarded).toHaveLength(ALL));
    isLost = false;
    clock.turn(2_500);
    // All of them have looked by then.
    for (let turns = 0; turns < 5; turns += 1) await new Promise((done) => void setImmediate(done));
    answer();
    for (const told of await Promise.all(answers.slice(1)))
      expect([told.status, await told.json()]).toEqual([200, READY]);
    expect(forwarded).toHaveLength(2 * ALL);
  });

  it("that comes late is an answer too, and ends nobody's asking but its own", async () => {
    const answers: (() => void)[] = [];
    const { call, clock, forwarded } = await withReadyPlaces(
      9,
      () => new Promise((resolve) => void answers.push(() => resolve(Response.json({})))),
    );
    const first = call("/readyz");
    await vi.waitFor(() => expect(forwarded).toHaveLength(ALL));
    clock.turn(2_500);
    void call("/readyz");
    await vi.waitFor(() => expect(forwarded).toHaveLength(2 * ALL));
    for (const answer of answers.splice(0, ALL)) answer();
    expect((await first).status).toBe(200);
    // It is old by now; who asks is told all the same, since the second is on its way.
    clock.turn(1_500);
    expect((await call("/readyz")).status).toBe(200);
    expect(forwarded).toHaveLength(2 * ALL);
  });

  it("is not waited for without end where all who asked were lost", async () => {
    const { call, clock, forwarded } = await withReadyPlaces(9, () => never);
    const told: number[] = [];
    for (let client = 0; client < 20; client += 1)
      void call("/readyz").then(({ status }) => void told.push(status));
    for (const asked of [ALL, 2 * ALL]) {
      await vi.waitFor(() => expect(forwarded).toHaveLength(asked));
      clock.turn(2_500);
    }
    // All but the three who asked.
    await vi.waitFor(() => expect(told).toEqual(Array.from({ length: 17 }, () => 503)));
    expect(forwarded).toHaveLength(3 * ALL);
  });

  it("that its own full lane could not ask for is no failure of a BFF's, and is not asked for by each", async () => {
    let isLost = true;
    const { call, clock, forwarded } = await withReadyPlaces(1, () => (isLost ? never : Response.json({})));
    void call("/readyz");
    await vi.waitFor(() => expect(forwarded).toHaveLength(ALL));
    isLost = false;
    clock.turn(2_500);
    for (let request = 0; request < 20; request += 1) {
      const answer = await call("/readyz");
      expect([answer.status, await answer.json()]).toMatchObject([503, { upstreams: UNKNOWN }]);
    }
    expect(forwarded).toHaveLength(ALL);
    clock.turn(1_000);
    expect((await call("/readyz")).status).toBe(200);
  });

  it.each(OVERLOAD_LIMITERS)(
    "is the first to be shed while %s sheds a BFF's work, and touches nothing of it",
    async (kind) => {
      const limiters = upstreamLimiters(kind);
      const work = limiters.app.read;
      overload(work);
      const makeGuard: MakeGuard = (upstream, { overload: limiterOf }) => {
        const limiter = limiterOf?.("read");
        return testGuard({ upstream, ...(limiter === undefined ? {} : { overload: limiter }) });
      };
      const guards = readyGuards(makeGuard, limiters);
      const { call, forwarded } = await testGateway(() => Response.json({}), {
        readyGuards: guards,
        now: Date.now,
      });
      const before = work.view(Date.now());
      const answer = await call("/readyz");
      expect(await answer.json()).toMatchObject({
        upstreams: { account: "ok", app: "unknown", ops: "ok", realtime: "ok" },
      });
      expect(forwarded).toHaveLength(ALL - 1);
      expect(work.view(Date.now())).toEqual(before);
    },
  );

  it("whose client hangs up is found out for those who wait", async () => {
    const { call, background } = await testGateway();
    await call("/readyz");
    expect(background).toHaveLength(1);
  });

  it("feels the faults of what it asks, and has few places", () => {
    const made: {
      readonly name: string;
      readonly faultsOf: string | undefined;
      readonly maxConcurrent: UpstreamOptions["maxConcurrent"];
    }[] = [];
    readyGuards((name, { faultsOf, maxConcurrent }) => {
      made.push({ name, faultsOf, maxConcurrent });
      return testGuard();
    }, upstreamLimiters("bbr"));
    expect(made).toEqual([
      { name: "account-ready", faultsOf: "account", maxConcurrent: { reads: 2, writes: 1 } },
      { name: "app-ready", faultsOf: "app", maxConcurrent: { reads: 2, writes: 1 } },
      { name: "ops-ready", faultsOf: undefined, maxConcurrent: { reads: 2, writes: 1 } },
      { name: "realtime-ready", faultsOf: undefined, maxConcurrent: { reads: 2, writes: 1 } },
    ]);
  });
});
