import { expect, it } from "vitest";
import { ofEachUpstream } from "../../src/contracts/internal-request.ts";
import { CodedError } from "../../src/contracts/errors.ts";
import { ClientLimits } from "../../src/gateway/client-limits.ts";
import { limitPolicies } from "../../src/gateway/limit-policies.ts";
import { createLogger } from "../../src/platform/logger.ts";
import { problemResponse } from "../../src/platform/http/problem.ts";
import { HystrixBreaker } from "../../src/resilience/breaker/hystrix-breaker.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { testGuard } from "../support/workers/test-guard.ts";

/* What clients are told at the account's spending cap, wherever on their way it is met. */

const OBJECTS = new Error("Exceeded the account's spending cap for Durable Objects");
const capped = (): Response =>
  problemResponse(new CodedError("SPENDING_CAP", "list", { failedBelow: true, mustNotRetry: true }), {
    requestId: "r-1",
    instance: "/v1/history",
  });

it("a BFF that says so is believed: 503, not before 300 s, for no breaker to count, and nothing of the inside", async () => {
  const breaker = new HystrixBreaker();
  const guard = testGuard({ breaker, now: Date.now });
  const guards = ofEachUpstream(() => guard);
  const { call, forwarded } = await testGateway(capped, { guards, now: Date.now });
  for (let number = 1; number <= 40; number += 1) {
    const answer = await call("/v1/account/refresh", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "cf-connecting-ip": `198.51.100.${number}` },
    });
    expect([answer.status, answer.headers.get("retry-after"), forwarded.length]).toEqual([
      503,
      "300",
      number,
    ]);
    expect([...answer.headers.keys()].filter((name) => /spending|failed-below/.test(name))).toEqual([]);
    expect(await answer.json()).toMatchObject({ code: "SPENDING_CAP", title: "Spending cap reached" });
  }
  expect(breaker.view(Date.now())).toMatchObject({ state: "closed", total: 0 });
});

it("its request lines carry the code, by which one a minute is written", async () => {
  const { call, lines } = await testGateway(capped);
  await call("/v1/account/login", {
    method: "POST",
    body: "{}",
    headers: { "content-type": "application/json" },
  });
  expect(lines).toMatchObject([{ event: "request", status: 503, code: "SPENDING_CAP" }]);
});

/** Clients' quotas whose windows are refused. */
function limitsAtTheCap() {
  const limits = new ClientLimits({
    windowOf: () => ({ ask: () => Promise.reject(OBJECTS), view: () => Promise.reject(OBJECTS) }),
    guard: testGuard({ now: () => 1, upstream: "rate-window" }),
    scale: 1,
    now: () => 1,
    random: () => 0,
    background: () => undefined,
    logger: createLogger({ worker: "test", level: "silent" }),
  });
  return { limits, policies: limitPolicies({}) };
}

it("a policy that fails closed says so, and speaks of no quota; one that fails open goes on", async () => {
  const { limits, policies } = limitsAtTheCap();
  const patience = { deadlineAtMs: 1_000 };
  await expect(
    (async () => limits.admit(policies.login, "address:192.0.2.1", patience))(),
  ).rejects.toMatchObject({ code: "SPENDING_CAP", retryAfterMs: 300_000 });
  const open = Object.values(policies).filter(({ onUnreachable }) => onUnreachable === "open");
  expect(open.length).toBeGreaterThan(1);
  for (const policy of open)
    expect(await limits.admit(policy, "user:ada", patience)).toMatchObject({ kind: "admitted" });
});

it("an isolate that knows no keys yet says why it can't have them, to whoever comes", async () => {
  const { call, identity, identityKey, clock } = await testGateway();
  identity.failing = true;
  identity.failure = new CodedError("SPENDING_CAP", "read keys", { cause: OBJECTS });
  const token = await accessToken({ key: identityKey, nowMs: clock.now() });
  const headers = { authorization: `Bearer ${token}` };
  for (const path of ["/v1/history", "/.well-known/jwks.json"]) {
    const answer = await call(path, { headers });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "300"]);
    expect(await answer.json()).toMatchObject({ code: "SPENDING_CAP" });
    clock.turn(2_000);
  }
});

it("readiness tells it from a failure", async () => {
  const { call } = await testGateway((request) =>
    request.url.startsWith("http://app") ? capped() : Response.json({}),
  );
  const answer = await call("/readyz");
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "300"]);
  expect(await answer.json()).toMatchObject({
    code: "SPENDING_CAP",
    upstreams: { account: "ok", app: "spending_cap", ops: "ok", realtime: "ok" },
  });
});
