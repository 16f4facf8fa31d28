import { describe, expect, it, vi } from "vitest";
import { wire } from "../../src/gateway/wire.ts";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import { guardBindings } from "../support/workers/hung-bindings.ts";
import { MemoryWindows } from "../support/workers/memory-windows.ts";
import { snapshotOf } from "../support/workers/test-gateway.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

const gatewayKey = await testKey("gateway-1");
const identityKey = await testKey("identity-1");

/** The gateway as it is deployed, over the real windows, whose calls are counted. */
function gateway() {
  const bff = { fetch: async () => Response.json({}) };
  const windows = new MemoryWindows(Date.now);
  const { kty, crv, x, d, kid } = { ...gatewayKey.privateJwk };
  const env = {
    ...guardBindings(),
    CORS_ORIGINS: "",
    LOG_SAMPLE: "100",
    TEST_CONTINENT: "off",
    RATE_LIMIT_SCALE: "1",
    LIMIT_MODES: "",
    OVERLOAD_LIMITER: "bbr",
    GATEWAY_SIGNING_KEY: JSON.stringify({ kty, crv, x, d, kid }),
    ACCOUNT_BFF: bff,
    APP_BFF: bff,
    OPS_BFF: bff,
    REALTIME: bff,
    IDENTITY: { snapshot: async () => snapshotOf([identityKey.publicJwk]) },
    RATE_WINDOW: {
      idFromName: (name: string) => ({ name }),
      get: ({ name }: { readonly name: string }) => windows.windowOf(name),
    },
  };
  const fetchGateway = wire(env as unknown as GatewayEnv);
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  /** One user's request, after so long. */
  async function request(route: string, afterMs = 0): Promise<Response> {
    vi.advanceTimersByTime(afterMs);
    const [method = "", path = ""] = route.split(" ");
    const token = await accessToken({ key: identityKey, nowMs: Date.now(), userId: "ada" });
    const headers = {
      authorization: `Bearer ${token}`,
      "cf-connecting-ip": "192.0.2.1",
      "content-type": "application/json",
    };
    const init = method === "GET" ? { method, headers } : { method, headers, body: "{}" };
    return fetchGateway(new Request(`http://gateway${path}`, init), {}, ctx);
  }
  return { request, windows };
}

describe("through the gateway as it is deployed", () => {
  it.each([
    ["a viewer's heartbeat of ten seconds", "POST /v1/history/reports", 10_000],
    ["a reader who looks every ten seconds", "GET /v1/history/continue", 10_000],
  ])("%s costs no call of a window, in an hour", async (_name, route, pauseMs) => {
    const { request, windows } = gateway();
    for (let atMs = 0; atMs < 3_600_000; atMs += pauseMs)
      expect((await request(route, pauseMs)).status).toBe(200);
    expect(windows.calls).toBe(0);
  });

  it("what is left is told from what the isolate has seen", async () => {
    const { request } = gateway();
    const told: (string | null)[] = [];
    for (let report = 0; report < 3; report += 1)
      told.push((await request("POST /v1/history/reports", 10_000)).headers.get("ratelimit"));
    expect(told).toEqual(['"reports";r=599;t=60', '"reports";r=598;t=50', '"reports";r=597;t=40']);
  });

  it("the limit of 600 reports is kept all the same, and who is over it is told when to come again", async () => {
    const { request, windows } = gateway();
    for (let report = 0; report < 600; report += 1)
      expect((await request("POST /v1/history/reports", 10)).status).toBe(200);
    expect(windows.calls).toBeGreaterThan(0);
    const refused = await request("POST /v1/history/reports");
    expect(refused.status).toBe(429);
    const t = Number(/;t=(\d+)$/.exec(refused.headers.get("ratelimit") ?? "")?.[1]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(t);
  });

  it.each(["POST /v1/account/login", "POST /v1/transfers"])("%s asks each time", async (route) => {
    const { request, windows } = gateway();
    for (let index = 1; index <= 5; index += 1) {
      await request(route, 20_000);
      expect(windows.calls).toBe(index);
    }
  });
});
