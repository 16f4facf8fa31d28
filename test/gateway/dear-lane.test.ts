import { expect, it } from "vitest";
import { upstreamGuards, upstreamLimiters } from "../../src/gateway/upstream-guards.ts";
import { requestTimer } from "../../src/platform/guard/call-timer.ts";
import { guardKit } from "../../src/platform/guard/guard-kit.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const REFUSAL = {
  "content-type": "application/problem+json",
  "x-overloaded": "1",
  "x-failed-below": "1",
  "x-no-retry": "1",
};

/**
 * A gateway with its real guards before an account BFF whose hashing is full, and all of whose
 * refreshes are under way at once.
 */
async function gatewayBeforeFullLane() {
  const makeGuard = guardKit({
    worker: "playhead-gateway",
    breakerStates: null,
    faults: null,
    engines: {},
    hedgedUpstreams: [],
    timer: requestTimer,
    background: () => undefined,
    onReportFailure: () => undefined,
  });
  const { promise: all, resolve: answerAll } = Promise.withResolvers<void>();
  const { call } = await testGateway(
    async (request) => {
      if (!request.url.endsWith("/refresh")) return new Response("{}", { status: 503, headers: REFUSAL });
      await all;
      return Response.json({});
    },
    { guards: upstreamGuards(makeGuard, upstreamLimiters("bbr")), now: Date.now },
  );
  const post = (path: string, number: number): Promise<Response> =>
    call(`/v1/account/${path}`, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "cf-connecting-ip": `198.51.${path.length}.${number}` },
    });
  return { post, answerAll };
}

it("a flood of logins that identity refuses has the gateway refuse no refresh", async () => {
  const { post, answerAll } = await gatewayBeforeFullLane();
  const logins = await Promise.all(Array.from({ length: 200 }, (_, number) => post("login", number)));
  expect(new Set(logins.map(({ status }) => status))).toEqual(new Set([503]));
  const refreshes = Array.from({ length: 100 }, (_, number) => post("refresh", number));
  answerAll();
  expect(new Set((await Promise.all(refreshes)).map(({ status }) => status))).toEqual(new Set([200]));
});
