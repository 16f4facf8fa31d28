import { describe, expect, it, vi } from "vitest";
import { readyGuards } from "../../src/gateway/bff-guards.ts";
import { never } from "../support/workers/hung-bindings.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { testGuard } from "../support/workers/test-guard.ts";

const READY = { status: "ready", upstreams: { account: "ok", app: "ok", ops: "ok" } };

describe("readiness", () => {
  it("is found out once a second, however many ask, one after another or at once", async () => {
    const { call, clock, forwarded } = await testGateway();
    for (let second = 1; second <= 5; second += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => call("/readyz")));
      for (const answer of answers) expect([answer.status, await answer.json()]).toEqual([200, READY]);
      for (let request = 0; request < 50; request += 1) expect((await call("/readyz")).status).toBe(200);
      expect(forwarded).toHaveLength(second * 3);
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
    const full = testGuard({ placesMax: 1 });
    const { call } = await testGateway(
      (request) => (request.url.endsWith("/refresh") ? never : Response.json({})),
      {
        guards: { account: full, app: full, ops: full },
        now: Date.now,
      },
    );
    const refresh = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    void call("/v1/account/refresh", refresh);
    await vi.waitFor(async () => expect((await call("/v1/account/refresh", refresh)).status).toBe(503));
    expect((await call("/readyz")).status).toBe(200);
  });

  it("whose client hangs up is found out for those who wait", async () => {
    const { call, background } = await testGateway();
    await call("/readyz");
    expect(background).toHaveLength(1);
  });

  it("feels the faults of what it asks, and has few places", () => {
    const made: {
      readonly name: string;
      readonly faultsOf: string | undefined;
      readonly readsMax: number;
    }[] = [];
    readyGuards((name, { faultsOf, readsMax }) => {
      made.push({ name, faultsOf, readsMax });
      return testGuard();
    });
    expect(made).toEqual([
      { name: "account-ready", faultsOf: "account", readsMax: 2 },
      { name: "app-ready", faultsOf: "app", readsMax: 2 },
      { name: "ops-ready", faultsOf: undefined, readsMax: 2 },
    ]);
  });
});
