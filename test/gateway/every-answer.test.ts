import { describe, expect, it } from "vitest";
import { CodedError } from "../../src/contracts/errors.ts";
import { answerJson } from "../../src/platform/bff/answer-json.ts";
import { createBff } from "../../src/platform/bff/bff-app.ts";
import { internalTokenVerifier } from "../../src/platform/bff/internal-token.ts";
import { serve } from "../../src/platform/http/serve.ts";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const ORIGIN = "https://app.example.com";
const URI_REFERENCE_PATH = /^\/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/;

/** The gateway in front of a real BFF of one route. */
async function withBff() {
  const gatewayKey = await testKey("gateway-1");
  const lines: string[] = [];
  const log = (level: string) => (): void => void lines.push(level);
  const bff = createBff({
    verifyInternalToken: async (token) => {
      await internalTokenVerifier({
        jwks: { keys: [gatewayKey.publicJwk] },
        audience: "playhead-app-bff",
        now: Date.now,
      })(token).catch(() => null);
      return null;
    },
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) => {
      app.get("/v1/history", (c) => answerJson(c, { items: [] }));
      app.get("/v1/wallet", (c) => c.json({ wallet: 1 }));
      app.get("/v1/home", () => {
        throw new CodedError("DEADLINE_EXCEEDED", "No time left");
      });
    },
  });
  const gateway = await testGateway((request) => bff(request, {}));
  const token = await accessToken({ key: gateway.identityKey, nowMs: gateway.clock.now() });
  const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    gateway.call(path, { headers: { authorization: `Bearer ${token}`, ...headers } });
  return { ...gateway, get, bffLines: lines };
}

describe("every answer", () => {
  it("that is somebody's own is kept by no cache, however the BFF made it; what may be kept says so", async () => {
    const { get, call } = await withBff();
    for (const path of ["/v1/history", "/v1/wallet", "/v1/wallet/entries", "/v1/ops/overview"])
      expect((await get(path)).headers.get("cache-control")).toBe("no-store");
    expect((await call("/.well-known/jwks.json")).headers.get("cache-control")).toContain("max-age");
  });

  it("of a BFF of the version before, which says nothing of caches, is kept by none either", async () => {
    const { call, clock, identityKey } = await testGateway((request) =>
      Response.json({}, { headers: { "x-request-id": request.headers.get("x-request-id") ?? "" } }),
    );
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    expect((await call("/v1/history", { headers: { authorization } })).headers.get("cache-control")).toBe(
      "no-store",
    );
  });

  it("says that it varies with the origin, whether or not one was sent, and says so once", async () => {
    const { get, call } = await withBff();
    for (const path of ["/v1/history", "/v1/wallet", "/healthz", "/nowhere", "/.well-known/jwks.json"]) {
      for (const headers of [{}, { origin: ORIGIN }, { origin: "https://evil.example.com" }])
        expect([path, (await get(path, headers)).headers.get("vary")]).toEqual([path, "Origin"]);
    }
    const preflight = {
      method: "OPTIONS",
      headers: { origin: ORIGIN, "access-control-request-method": "POST" },
    };
    expect((await call("/v1/history", preflight)).headers.get("vary")).toBe(
      "Origin, Access-Control-Request-Headers",
    );
  });

  it.each([
    "/v1/a b",
    '/v1/"<>`{}|^[]',
    "/v1/%zz",
    "/v1/ä%00",
    "//evil.example.com/x",
    "/v1/transfers/a b|c",
  ])("names %s by a URI reference", async (path) => {
    const { get } = await withBff();
    const { instance } = await (await get(path)).json<{ instance: string }>();
    expect(instance).toMatch(URI_REFERENCE_PATH);
    expect(instance.startsWith("//")).toBe(false);
  });

  it("has its headers where the worker can't be wired, and where its handler throws", async () => {
    const request = Object.defineProperty(new Request("https://api.example.com/"), "url", {
      value: "http://a b/",
    });
    const broken = [
      serve(() => {
        throw new TypeError("a var is bad");
      }),
      serve(() => () => Promise.reject(new Error("secret at app.ts:5"))),
    ];
    for (const fetchWorker of broken) {
      const response = await fetchWorker(request, {}, {} as ExecutionContext);
      expect(response.status).toBe(500);
      for (const name of ["x-request-id", "traceparent", "strict-transport-security", "cache-control"])
        expect(response.headers.has(name)).toBe(true);
      expect(await response.text()).not.toContain("secret");
    }
  });
});

describe("a 504 that the client's own patience asked for", () => {
  it("is no error line, at the gateway or in the BFF; any other is", async () => {
    const { get, lines, bffLines } = await withBff();
    await get("/v1/home", { "x-request-timeout-ms": "400" });
    expect([lines.at(-1)?.level, lines.at(-1)?.["status"], [...new Set(bffLines)]]).toEqual([
      "info",
      504,
      ["info"],
    ]);
    await get("/v1/home");
    expect(bffLines.at(-1)).toBe("error");
  });

  it("at the gateway itself too", async () => {
    const hangs = await testGateway(() => new Promise(() => undefined));
    const init = {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "x-request-timeout-ms": "50" },
    };
    expect((await hangs.call("/v1/account/refresh", init)).status).toBe(504);
    expect(hangs.lines.map(({ level }) => level)).toEqual(["info"]);
  });
});

describe("limits' headers", () => {
  const POLICY = "ratelimit-policy";

  it("are on the 405 of a limited path, which counts like any request of its sender", async () => {
    const { call, get, clock, identityKey } = await withBff();
    const stranger = { method: "DELETE", headers: { "cf-connecting-ip": "198.51.100.9" } };
    const refused = await call("/v1/history/continue", stranger);
    expect([refused.status, refused.headers.get(POLICY)]).toEqual([405, '"anonymous";q=60;w=60']);
    const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
    const known = await call("/v1/history/continue", { method: "DELETE", headers: { authorization } });
    expect([known.status, known.headers.get(POLICY)]).toEqual([405, '"default";q=120;w=60']);
    for (let request = 1; request < 60; request += 1)
      expect((await call("/v1/history/continue", stranger)).status).toBe(405);
    expect((await call("/v1/history/continue", stranger)).status).toBe(429);
    expect((await get("/v1/history")).status).toBe(200);
  });

  it("are on the 400 of an odd patience", async () => {
    const { get } = await withBff();
    const response = await get("/v1/history", { "x-request-timeout-ms": "soon" });
    expect([response.status, response.headers.get(POLICY)]).toEqual([400, '"default";q=120;w=60']);
  });

  it("are on the 503 of a caller whom nobody can make out now", async () => {
    const { call, identity } = await testGateway();
    identity.failing = true;
    const response = await call("/v1/history", { headers: { authorization: "Bearer a.b.c" } });
    expect([response.status, response.headers.get(POLICY)]).toEqual([503, '"anonymous";q=60;w=60']);
  });
});

describe("odd but valid", () => {
  it.each(["0400", "400;a=b", "400 ; a", "999999999999999"])("patience is taken: %s", async (hint) => {
    const { get } = await withBff();
    expect((await get("/v1/history", { "x-request-timeout-ms": hint })).status).toBe(200);
  });
});
