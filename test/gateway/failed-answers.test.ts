import { expect, it } from "vitest";
import { ofEachUpstream } from "../../src/contracts/internal-request.ts";
import { upstreamGuards, upstreamLimiters } from "../../src/gateway/upstream-guards.ts";
import type { Guard } from "../../src/platform/guard/guard.ts";
import type { MakeGuard } from "../../src/platform/guard/guard-kit.ts";
import { HystrixBreaker } from "../../src/resilience/breaker/hystrix-breaker.ts";
import type { OverloadLimiter, WorkOutcome } from "../../src/resilience/overload/overload-limiter.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { testGuard } from "../support/workers/test-guard.ts";

/** What breaker and limiter of the gateway hear of thirty refreshes that a BFF answers so. */
async function heardOf(status: number, headers: Readonly<Record<string, string>>) {
  const told = new Set<WorkOutcome>();
  const overload: OverloadLimiter = {
    admit: () => true,
    done: (_nowMs, _startedAtMs, outcome) => void told.add(outcome),
    view: () => ({ inFlight: 0, limit: 1, shedding: false }),
  };
  const breaker = new HystrixBreaker();
  const guard = testGuard({ breaker, overload, now: Date.now });
  const { call } = await testGateway(
    () => new Response("{}", { status, headers: { "content-type": "application/problem+json", ...headers } }),
    { guards: ofEachUpstream(() => guard), now: Date.now },
  );
  for (let number = 0; number < 30; number += 1)
    await call("/v1/account/refresh", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "cf-connecting-ip": `198.51.100.${number}` },
    });
  return { state: breaker.view(Date.now()).state, told: [...told].filter((outcome) => outcome !== "none") };
}

it.each([
  [503, {}, "open", "failure"],
  [500, {}, "open", "failure"],
  [503, { "x-failed-below": "1" }, "closed", "failure"],
  [504, { "x-failed-below": "1", "x-no-retry": "1" }, "closed", "failure"],
  // A BFF of the version before says so by this one.
  [503, { "x-no-retry": "1" }, "closed", "failure"],
  [501, {}, "closed", "failure"],
  [503, { "x-overloaded": "1" }, "closed", "overloaded"],
  [503, { "x-overloaded": "1", "x-failed-below": "1" }, "closed", "overloaded"],
  [422, {}, "closed", "success"],
] as const)("a BFF's %i with %o leaves its breaker %s, and is %s to its limiter", async (...given) => {
  const [status, headers, state, outcome] = given;
  expect(await heardOf(status, headers)).toEqual({ state, told: [outcome] });
});

it("each BFF's guard has the limiters that its readiness looks at", () => {
  const limiters = upstreamLimiters("bbr");
  const given: Record<string, unknown> = {};
  const makeGuard: MakeGuard = (upstream, { overload }) => {
    given[upstream] = { read: overload?.("read"), write: overload?.("write") };
    return {} as Guard;
  };
  upstreamGuards(makeGuard, limiters);
  expect(given).toEqual(limiters);
  for (const name of ["account", "app", "ops"] as const)
    expect(given[name]).toEqual({ read: limiters[name].read, write: limiters[name].write });
});
