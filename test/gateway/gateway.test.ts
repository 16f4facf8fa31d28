import { describe, expect, it } from "vitest";
import { CodedError } from "../../src/contracts/errors.ts";
import { readGatewayContext } from "../../src/contracts/gateway-context.ts";
import { internalTokenVerifier } from "../../src/platform/bff/internal-token.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const REGISTER = "/v1/account/register";
const json = (body: string, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  body,
  headers: { "content-type": "application/json", ...headers },
});

describe("every response", () => {
  it("carries request id, trace and security headers, also errors", async () => {
    const { call } = await testGateway();
    for (const path of ["/", "/healthz", "/nowhere"]) {
      const { headers } = await call(path);
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f]{32}$/);
      expect(headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("strict-transport-security")).toContain("max-age=");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    }
  });

  it("keeps a good request id and replaces a bad one", async () => {
    const { call } = await testGateway();
    const id = async (given: string): Promise<string | null> =>
      (await call("/healthz", { headers: { "x-request-id": given } })).headers.get("x-request-id");
    expect(await id("client-1234_ABCD")).toBe("client-1234_ABCD");
    for (const bad of ["short", "has space in it", "x".repeat(65)]) expect(await id(bad)).not.toBe(bad);
  });

  it("continues the caller's trace with a span of its own", async () => {
    const { call } = await testGateway();
    const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const trace =
      (await call("/healthz", { headers: { traceparent: parent } })).headers.get("traceparent") ?? "";
    expect(trace).toContain("4bf92f3577b34da6a3ce929d0e0e4736");
    expect(trace).not.toContain("00f067aa0ba902b7");
  });
});

describe("the gateway refuses", () => {
  it("an unknown route with 404 and a problem", async () => {
    const { call } = await testGateway();
    const response = await call("/v1/nowhere");
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
      instance: "/v1/nowhere",
      requestId: expect.any(String),
    });
  });

  it.each([
    ["DELETE", "/v1/history/reports", "POST"],
    ["POST", "/v1/history", "GET, DELETE, HEAD"],
    ["POST", "/v1/history/export", "GET, HEAD"],
    ["DELETE", "/v1/history/changes", "GET, HEAD"],
    ["DELETE", "/v1/history/settings", "GET, PUT, HEAD"],
    ["GET", "/v1/history/video/m1", "PUT, DELETE"],
    ["PUT", "/v1/account/me", "GET, DELETE, HEAD"],
    ["POST", "/healthz", "GET, HEAD"],
  ])("%s %s with 405 and Allow: %s", async (method, path, allow) => {
    const { call } = await testGateway();
    const response = await call(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
  });

  it("a body that is not JSON by its type with 415", async () => {
    const { call } = await testGateway();
    expect(
      (await call(REGISTER, json("a=b", { "content-type": "application/x-www-form-urlencoded" }))).status,
    ).toBe(415);
    expect(
      (await call(REGISTER, json("{}", { "content-type": "application/json; charset=utf-8" }))).status,
    ).toBe(200);
  });

  it("a body above the limit with 413, also one that does not say its length", async () => {
    const { call } = await testGateway(async (request) =>
      Response.json({ length: (await request.text()).length }),
    );
    const body = "x".repeat(64 * 1024 + 1);
    expect((await call(REGISTER, json(body, { "content-length": String(body.length) }))).status).toBe(413);
    const streamed = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(body));
        controller.close();
      },
    });
    const init = {
      method: "POST",
      body: streamed,
      duplex: "half",
      headers: { "content-type": "application/json" },
    } as RequestInit;
    expect((await call(REGISTER, init)).status).toBe(413);
  });

  it("an odd patience with 400", async () => {
    const { call } = await testGateway();
    for (const hint of ["0", "-5", "soon", "1e3"])
      expect((await call(REGISTER, json("{}", { "x-request-timeout-ms": hint }))).status).toBe(400);
  });
});

describe("what a BFF gets", () => {
  it("is a token for it alone, the time that is left, and no internal header from outside", async () => {
    const { call, clock, identityKey, gatewayKey, forwarded } = await testGateway();
    const forged = {
      "x-internal-token": "forged",
      "x-context": '{"requestId":"forged-id","remainingMs":999999}',
      "x-deadline-ms": "999999",
      "x-attempt": "7",
      "x-user-id": "root",
      cookie: "a=b",
    };
    const token = await accessToken({
      key: identityKey,
      nowMs: clock.now(),
      userId: "ada",
      sessionId: "s-1",
    });
    const response = await call("/v1/history?limit=5", {
      headers: { ...forged, authorization: `Bearer ${token}`, "x-request-timeout-ms": "400" },
    });
    const [request] = forwarded;
    const jwks = { keys: [gatewayKey.publicJwk] };
    const given = request?.headers.get("x-internal-token") ?? null;
    expect(
      await internalTokenVerifier({ jwks, audience: "playhead-app-bff", now: clock.now })(given),
    ).toEqual({
      userId: "ada",
      sessionId: "s-1",
      roles: ["user"],
    });
    await expect(
      internalTokenVerifier({ jwks, audience: "playhead-ops-bff", now: clock.now })(given),
    ).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    expect(readGatewayContext(request?.headers ?? new Headers())).toMatchObject({
      requestId: response.headers.get("x-request-id"),
      remainingMs: 395,
      isHurried: true,
      attempt: 1,
      clientAddress: null,
    });
    expect([...(request?.headers.keys() ?? [])].toSorted()).toEqual([
      "traceparent",
      "x-context",
      "x-internal-token",
    ]);
    expect(new URL(request?.url ?? "").search).toBe("?limit=5");
  });

  it("is the client's kind where that is one we know, and no word of the client's own", async () => {
    const { call, clock, identityKey, forwarded } = await testGateway();
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    const kinds = ["tv", "phone", "web", "TV", "tv, phone", "watch", ""];
    for (const kind of kinds) {
      const headers = { authorization, "x-client-kind": kind };
      expect((await call("/v1/home", { headers })).status).toBe(200);
    }
    await call("/v1/home", { headers: { authorization } });
    expect(forwarded.map(({ headers }) => readGatewayContext(headers).clientKind)).toEqual([
      "tv",
      "phone",
      "web",
      null,
      null,
      null,
      null,
      null,
    ]);
  });

  it("may be no more time than the route has, whatever the client hopes", async () => {
    const { call, forwarded } = await testGateway();
    await call("/v1/account/refresh", json("{}", { "x-request-timeout-ms": "60000", "x-hurried": "1" }));
    expect(forwarded.map(({ headers }) => readGatewayContext(headers))).toMatchObject([
      { remainingMs: 2_975, isHurried: false },
    ]);
  });
});

describe("when a BFF fails", () => {
  it("its problem is passed on as it is", async () => {
    const { call } = await testGateway(() =>
      Response.json(
        { code: "CONFLICT" },
        { status: 409, headers: { "content-type": "application/problem+json" } },
      ),
    );
    const response = await call(REGISTER, json("{}"));
    expect([response.status, await response.json()]).toEqual([409, { code: "CONFLICT" }]);
  });

  it("a crash becomes 503, and neither its body nor its message gets out", async () => {
    for (const upstream of [
      () => new Response("Error: secret at db.ts:5", { status: 500 }),
      () => Promise.reject(new Error("secret at db.ts:5")),
    ]) {
      const { call, lines } = await testGateway(upstream);
      const response = await call(REGISTER, json("{}"));
      expect(response.status).toBe(503);
      expect(await response.text()).not.toContain("secret");
      expect(lines.filter(({ level }) => level === "error")).toHaveLength(1);
    }
  });

  it("and crashes, whoever may ask again is told when, and nobody else is", async () => {
    const answers: unknown[] = [];
    for (const [path, headers] of [
      ["/v1/account/logout", {}],
      ["/v1/account/logout", { "retry-after": "7" }],
      [REGISTER, {}],
      [REGISTER, { "retry-after": "7" }],
    ] as const) {
      const { call, clock, identityKey } = await testGateway(
        () => new Response("", { status: 500, headers }),
      );
      const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
      const response = await call(path, json("{}", { authorization }));
      answers.push([
        response.status,
        response.headers.get("retry-after"),
        response.headers.get("x-no-retry"),
      ]);
    }
    expect(answers).toEqual([
      [503, "1", "1"],
      [503, "7", "1"],
      [503, null, "1"],
      [503, null, "1"],
    ]);
  });

  it("one that hangs is answered for with 504 in the client's own time", async () => {
    const { call } = await testGateway(
      (request) =>
        new Promise((_resolve, reject) =>
          request.signal.addEventListener("abort", () => reject(request.signal.reason)),
        ),
    );
    const response = await call(REGISTER, json("{}", { "x-request-timeout-ms": "50" }));
    expect([response.status, (await response.json<{ code: string }>()).code]).toEqual([
      504,
      "DEADLINE_EXCEEDED",
    ]);
  });
});

describe("the log", () => {
  it("has one line a request, with the route and never a token or a query", async () => {
    const { call, clock, identityKey, lines } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    await call("/v1/history?cursor=private", { headers: { authorization: `Bearer ${token}` } });
    await call("/nowhere?password=private");
    expect(lines.map(({ level, route, path, status }) => [level, route ?? path, status])).toEqual([
      ["info", "/v1/history", 200],
      ["info", "/nowhere", 404],
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/private|Bearer|eyJ/);
  });
});

describe("browsers", () => {
  it("from an allowed origin may call, others get no permission", async () => {
    const { call } = await testGateway();
    const origin = async (from: string): Promise<string | null> =>
      (await call("/healthz", { headers: { origin: from } })).headers.get("access-control-allow-origin");
    expect(await origin("https://app.example.com")).toBe("https://app.example.com");
    expect(await origin("https://evil.example.com")).toBeNull();
    const preflight = await call("/v1/history/reports", {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
    for (const name of ["Authorization", "X-Client-Kind"])
      expect(preflight.headers.get("access-control-allow-headers")).toContain(name);
    expect(preflight.headers.get("access-control-allow-methods")?.split(",").toSorted()).toEqual([
      "DELETE",
      "GET",
      "HEAD",
      "POST",
      "PUT",
    ]);
  });
});

describe("the gateway's own routes", () => {
  it("say who it is, that it lives, and whose tokens it takes", async () => {
    const { call, identityKey } = await testGateway();
    expect(await (await call("/")).json()).toMatchObject({ name: "playhead", version: expect.any(String) });
    expect(await (await call("/healthz")).json()).toEqual({ status: "ok" });
    const jwks = await call("/.well-known/jwks.json");
    expect(await jwks.json()).toEqual({ keys: [identityKey.publicJwk] });
    expect(jwks.headers.get("cache-control")).toContain("max-age");
  });

  it("name the upstream that is not ready", async () => {
    const { call } = await testGateway((request) =>
      request.url.includes("app")
        ? Promise.reject(new CodedError("UNAVAILABLE", "D1 is away"))
        : Response.json({}),
    );
    const response = await call("/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      code: "UNAVAILABLE",
      upstreams: { account: "ok", app: "failed", ops: "ok", realtime: "ok" },
    });
    const { call: healthy } = await testGateway();
    expect(await (await healthy("/readyz")).json()).toEqual({
      status: "ready",
      upstreams: { account: "ok", app: "ok", ops: "ok", realtime: "ok" },
    });
  });

  it("answer HEAD like GET without a body", async () => {
    const { call } = await testGateway();
    const response = await call("/healthz", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });
});
