import { describe, expect, it, vi } from "vitest";
import { ofEachUpstream } from "../../src/contracts/internal-request.ts";
import { readGatewayContext } from "../../src/contracts/gateway-context.ts";
import { HystrixBreaker } from "../../src/resilience/breaker/hystrix-breaker.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { never } from "../support/workers/hung-bindings.ts";
import { testGateway } from "../support/workers/test-gateway.ts";
import { testGuard } from "../support/workers/test-guard.ts";

const REGISTER = "/v1/account/register";
const OUR_HEADERS = [
  "x-request-id",
  "traceparent",
  "strict-transport-security",
  "content-security-policy",
  "cache-control",
  "vary",
];

/**
 * A request with a URL as the runtime hands it over: host and path put together, whatever they are.
 */
function requestTo(url: string, init: RequestInit = {}): Request {
  return Object.defineProperty(new Request("https://api.example.com/", init), "url", { value: url });
}

/**
 * A body in pieces, the last of which comes after `lastAfterMs`, if ever; it breaks off where it
 * has an error.
 */
function body(pieces: readonly string[], lastAfterMs = 0, error?: Error): RequestInit {
  const stream = new ReadableStream({
    async start(controller) {
      for (const [index, piece] of pieces.entries()) {
        if (index === pieces.length - 1)
          await new Promise((resolve) => setTimeout(resolve, Math.min(lastAfterMs, 2_000_000_000)));
        controller.enqueue(new TextEncoder().encode(piece));
      }
      if (error === undefined) controller.close();
      else controller.error(error);
    },
  });
  return {
    method: "POST",
    body: stream,
    duplex: "half",
    headers: { "content-type": "application/json" },
  } as RequestInit;
}

function withHeaders(init: RequestInit, headers: Readonly<Record<string, string>>): RequestInit {
  return { ...init, headers: { ...(init.headers as Record<string, string>), ...headers } };
}

describe("a host that makes no URL", () => {
  it("is answered with 400 and all headers, counts against nobody's breaker, and has its line in the log", async () => {
    const breaker = new HystrixBreaker();
    const guard = testGuard({ upstream: "account", breaker });
    const { send, lines, forwarded, clock } = await testGateway(undefined, {
      guards: ofEachUpstream(() => guard),
    });
    for (const host of ["a b", "[::1", "a:99999", "%zz", "a%2fb"]) {
      for (const path of ["/healthz", "/nowhere", REGISTER, "/readyz"]) {
        const response = await send(
          requestTo(`http://${host}${path}`, path === REGISTER ? { method: "POST" } : {}),
        );
        expect([host, path, response.status]).toEqual([host, path, 400]);
        for (const name of OUR_HEADERS) expect([name, response.headers.has(name)]).toEqual([name, true]);
        expect(await response.json()).toMatchObject({ code: "MALFORMED", instance: "/" });
      }
    }
    expect(lines.map(({ level, status }) => `${level} ${String(status)}`)).toEqual(
      Array.from({ length: 20 }, () => "info 400"),
    );
    expect(forwarded).toEqual([]);
    expect(breaker.view(clock.now())).toMatchObject({ total: 0, failures: 0, state: "closed" });
  });

  it("but one leaves nothing of the host to what is inside", async () => {
    const { send, forwarded, identityKey, clock } = await testGateway();
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    const at = async (url: string): Promise<number> =>
      (await send(requestTo(url, { headers: { authorization } }))).status;
    for (const host of ["user@host", "..", "a\\b", "xn--", "api.example.com:1"])
      await at(`http://${host}/v1/history?limit=5`);
    expect(new Set(forwarded.map(({ url }) => url))).toEqual(new Set(["http://playhead/v1/history?limit=5"]));
  });
});

describe("what is allowed is what is done", () => {
  it.each([
    ["/v1/history/../ops/overview", 403],
    ["/v1/history/%2e%2e/ops/overview", 403],
    ["/v1/transfers/..\\ops\\overview", 403],
    ["/v1/transfers/%2e%2e", 404],
    ["/v1/h%69story", 200],
  ])("of %s a user gets %d", async (path, status) => {
    const { send, forwarded, identityKey, clock } = await testGateway();
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    expect(
      (await send(requestTo(`https://api.example.com${path}`, { headers: { authorization } }))).status,
    ).toBe(status);
    expect(forwarded).toHaveLength(status === 200 ? 1 : 0);
  });
});

describe("a body", () => {
  it("that comes slowly calls no upstream before it is there, and opens no breaker", async () => {
    const breaker = new HystrixBreaker();
    const guard = testGuard({ upstream: "account", breaker });
    const { call, forwarded, lines } = await testGateway(undefined, {
      guards: ofEachUpstream(() => guard),
      now: Date.now,
    });
    for (let request = 0; request < 10; request += 1) {
      const headers = { "x-request-timeout-ms": "60", "cf-connecting-ip": `192.0.2.${request}` };
      // Without a length as well: chunked bodies have no more time than others.
      for (const more of [headers, { ...headers, "content-length": "2" }])
        expect((await call(REGISTER, withHeaders(body(["{", "}"], 5_000), more))).status).toBe(504);
    }
    expect(forwarded).toEqual([]);
    expect(breaker.view(Date.now())).toMatchObject({ total: 0, failures: 0 });
    expect(lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("that took a good part of the route's time leaves its client in a hurry: nobody below is blamed for the rest", async () => {
    const guard = testGuard({ upstream: "account" });
    const { call, forwarded } = await testGateway(undefined, {
      guards: ofEachUpstream(() => guard),
      now: Date.now,
    });
    await call("/v1/account/refresh", body(["{", "}"], 400));
    await call("/v1/account/refresh", body(["{", "}"], 0));
    const contexts = forwarded.map(({ headers }) => readGatewayContext(headers));
    expect(contexts.map(({ isHurried }) => isHurried)).toEqual([true, false]);
    expect(contexts[0]?.remainingMs).toBeLessThan(2_700);
  });

  it("arrives whole, however it was cut", async () => {
    const { call } = await testGateway(async (request) => Response.json({ text: await request.text() }));
    const response = await call(REGISTER, body(['{"a', '":', "", "1}"]));
    expect(await response.json()).toEqual({ text: '{"a":1}' });
  });

  it("that breaks off is the client's 400, not our 500", async () => {
    const { call, forwarded } = await testGateway();
    const lost = new Error("Network connection lost.");
    for (const init of [
      body(["{"], 0, lost),
      withHeaders(body(["{"], 0, lost), { "content-length": "10" }),
    ]) {
      const response = await call(REGISTER, init);
      expect([response.status, (await response.json<{ code: string }>()).code]).toEqual([400, "MALFORMED"]);
    }
    expect(forwarded).toEqual([]);
  });

  it("that turns out to be none needs no type", async () => {
    const { call, identityKey, clock } = await testGateway();
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    const empty = { ...body([]), headers: { authorization } };
    expect((await call("/v1/account/logout", empty)).status).toBe(200);
    expect((await call("/v1/account/logout", { ...body(["a=b"]), headers: { authorization } })).status).toBe(
      415,
    );
  });

  it.each(["GET", "HEAD"])("of a %s means nothing, in whatever form it comes", async (method) => {
    const { send, forwarded, identityKey, clock } = await testGateway();
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    // The fetch standard makes no such request, the runtime does: it fails like one in a copy.
    const request = Object.defineProperties(
      new Request("https://api.example.com/v1/history", { headers: { authorization } }),
      {
        method: { value: method },
        body: { value: new ReadableStream() },
      },
    );
    expect((await send(request)).status).toBe(200);
    expect(forwarded.map((sent) => [sent.method, sent.body])).toEqual([[method, null]]);
  });
});

describe("a client who hangs up", () => {
  it("has no place with the BFF from then on", async () => {
    const guard = testGuard({ upstream: "account", maxConcurrent: 1 });
    let hangs = true;
    const { call, forwarded } = await testGateway(() => (hangs ? never : Response.json({})), {
      guards: ofEachUpstream(() => guard),
      now: Date.now,
    });
    const client = new AbortController();
    const json = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    void call("/v1/account/refresh", { ...json, signal: client.signal });
    await vi.waitFor(() => expect(forwarded).toHaveLength(1));
    expect((await call("/v1/account/refresh", json)).status).toBe(503);
    client.abort();
    hangs = false;
    expect((await call("/v1/account/refresh", json)).status).toBe(200);
  });
});
