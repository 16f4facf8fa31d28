import { describe, expect, it } from "vitest";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const from = (address: string, more: Record<string, string> = {}): RequestInit => ({
  headers: { "cf-connecting-ip": address, ...more },
});
const login = (address: string): RequestInit => ({
  method: "POST",
  body: "{}",
  headers: { "cf-connecting-ip": address, "content-type": "application/json" },
});
const POLICY = "ratelimit-policy";

describe("every answer of a limited route carries the client's quota", () => {
  it("if the BFF answers, whatever its status", async () => {
    for (const status of [200, 404, 422]) {
      const { call, identityKey, clock } = await testGateway(() => Response.json({}, { status }));
      const token = await accessToken({ key: identityKey, nowMs: clock.now() });
      const { headers } = await call("/v1/history", { headers: { authorization: `Bearer ${token}` } });
      expect([headers.get(POLICY), headers.get("retry-after")]).toEqual(['"default";q=120;w=60', null]);
      expect(headers.get("ratelimit")).toMatch(/^"default";r=119;t=\d+$/);
    }
  });

  it("if the caller is nobody or may not: 401 by address, 403 by user", async () => {
    const { call, identityKey, clock } = await testGateway();
    const unknown = await call("/v1/history", from("198.51.100.1", { authorization: "Bearer nonsense" }));
    expect([unknown.status, unknown.headers.get(POLICY)]).toEqual([401, '"anonymous";q=60;w=60']);
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    const refused = await call("/v1/ops/overview", { headers: { authorization: `Bearer ${token}` } });
    expect([refused.status, refused.headers.get(POLICY)]).toEqual([403, '"default";q=120;w=60']);
  });

  it("if it is used up, with Retry-After, and the BFF is not asked", async () => {
    const { call, forwarded } = await testGateway();
    for (let request = 0; request < 10; request += 1)
      expect((await call("/v1/account/login", login("198.51.100.2"))).status).toBe(200);
    const refused = await call("/v1/account/login", login("198.51.100.2"));
    expect(await refused.json()).toMatchObject({ code: "RATE_LIMITED", status: 429 });
    const t = Number(/t=(\d+)/.exec(refused.headers.get("ratelimit") ?? "")?.[1]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(t);
    expect(forwarded).toHaveLength(10);
    expect((await call("/v1/account/login", login("198.51.100.3"))).status).toBe(200);
  });
});

describe("refreshes", () => {
  it("of two hundred users behind one address within a minute are refused to none, whatever else comes from there", async () => {
    const { call, clock, forwarded, background } = await testGateway();
    const post = (path: string): Promise<Response> =>
      call(path, {
        method: "POST",
        body: "{}",
        headers: { "cf-connecting-ip": "198.51.100.5", "content-type": "application/json" },
      });
    for (let guess = 0; guess < 61; guess += 1)
      await call("/v1/history", from("198.51.100.5", { authorization: "Bearer guess" }));
    const statuses: number[] = [];
    for (let user = 0; user < 200; user += 1) {
      clock.turn(250);
      statuses.push((await post("/v1/account/refresh")).status);
      await Promise.all(background);
    }
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(forwarded).toHaveLength(200);
    expect((await post("/v1/account/refresh")).headers.get(POLICY)).toBe('"refresh";q=600;w=60');
  });

  it("of a flood from one address end as 429", async () => {
    const { call } = await testGateway();
    const refresh = (): Promise<Response> => call("/v1/account/refresh", login("198.51.100.6"));
    for (let number = 0; number < 600; number += 1) expect((await refresh()).status).toBe(200);
    expect((await refresh()).status).toBe(429);
  });

  it("go on while the address's window can't be reached", async () => {
    const { call, windows } = await testGateway();
    windows.unreachable = true;
    expect((await call("/v1/account/refresh", login("198.51.100.7"))).status).toBe(200);
  });
});

describe("doors that ask for the present password", () => {
  const doors = [
    ["POST", "/v1/account/password", '"password";q=10;w=60'],
    ["DELETE", "/v1/account/me", '"erase";q=10;w=60'],
  ] as const;

  it.each(doors)(
    "%s %s: ten a minute for each session, so that a stolen one keeps out no other",
    async (method, path, policy) => {
      const { call, identityKey, clock, forwarded } = await testGateway();
      const knock = async (sessionId: string): Promise<Response> => {
        const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now(), sessionId })}`;
        return call(path, {
          method,
          body: "{}",
          headers: { authorization, "content-type": "application/json" },
        });
      };
      for (let request = 0; request < 10; request += 1) expect((await knock("stolen")).status).toBe(200);
      const refused = await knock("stolen");
      expect([refused.status, refused.headers.get(POLICY)]).toEqual([429, policy]);
      expect((await knock("own")).status).toBe(200);
      expect(forwarded).toHaveLength(11);
    },
  );

  it.each(doors)("%s %s: closed while what they count with can't be reached", async (method, path) => {
    const { call, identityKey, clock, windows, forwarded } = await testGateway();
    windows.unreachable = true;
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    const answer = await call(path, {
      method,
      body: "{}",
      headers: { authorization, "content-type": "application/json" },
    });
    expect([answer.status, forwarded.length]).toEqual([503, 0]);
  });
});

describe("guessed tokens", () => {
  it("count against the address they come from, and end as 429", async () => {
    const { call } = await testGateway();
    const guess = (): Promise<Response> =>
      call("/v1/history", from("198.51.100.4", { authorization: "Bearer guess" }));
    for (let request = 0; request < 60; request += 1) expect((await guess()).status).toBe(401);
    expect((await guess()).status).toBe(429);
  });
});

describe("routes that are the gateway's own", () => {
  it("have no quota", async () => {
    const { call } = await testGateway();
    for (const path of ["/", "/healthz", "/.well-known/jwks.json"])
      expect((await call(path)).headers.get(POLICY)).toBeNull();
  });
});
