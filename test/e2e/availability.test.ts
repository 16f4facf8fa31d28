import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

let platform: E2ePlatform;
let api: ApiClient;
let admin: string;
let user: { readonly userId: string; readonly token: string };

beforeAll(async () => {
  // Engines of callers don't disturb each other: all that follows holds beside one of another kind.
  platform = await startE2ePlatform({ BREAKER_ENGINES: "playhead-ops-bff/history=sre" });
  api = new ApiClient(platform.url);
  admin = (await api.signIn(platform.secrets.ADMIN_EMAIL, platform.secrets.ADMIN_PASSWORD)).token;
  user = await api.signUp("ada@example.com");
  await api.call("POST", "/v1/history/reports", {
    token: user.token,
    body: { reports: [{ kind: "video", itemId: "m1", positionMs: 1_000, durationMs: 9_000 }] },
  });
});

afterAll(() => platform.stop());

interface Ordered {
  readonly latencyMs?: number;
  readonly errorRate?: number;
}

/**
 * Runs `trouble` while calls to the target go wrong, and waits afterwards until the platform is
 * well again.
 */
async function during(target: string, fault: Ordered, trouble: () => Promise<void>): Promise<void> {
  const order = (body: object) => api.call("PUT", "/v1/ops/faults", { token: admin, body });
  expect((await order({ target, ...fault })).status).toBe(200);
  try {
    await trouble();
  } finally {
    await order({ target });
    await eventually(
      async () =>
        (await api.call("GET", "/v1/home", { token: user.token })).body["degraded"]?.toString() === "",
    );
  }
}

async function eventually(check: () => Promise<boolean>, withinMs = 10_000): Promise<number> {
  const startedAtMs = Date.now();
  while (!(await check())) {
    if (Date.now() - startedAtMs > withinMs) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return Date.now() - startedAtMs;
}

const timed = async <T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number }> => {
  const startedAtMs = performance.now();
  const result = await work();
  return { result, ms: performance.now() - startedAtMs };
};

describe("a dead history", () => {
  it("opens its breaker; home degrades by that part, and nobody else feels it; repaired, it is back within 6 s", async () => {
    await during("history", { errorRate: 1 }, async () => {
      const codes = new Set<unknown>();
      for (let call = 0; call < 40; call += 1)
        codes.add((await api.call("GET", "/v1/history", { token: user.token })).body["code"]);
      expect(codes).toEqual(new Set(["CIRCUIT_OPEN", "UNAVAILABLE"]));
      await eventually(async () => {
        const { body } = await api.call("GET", "/v1/ops/breakers", { token: admin });
        const states = body["breakers"] as { upstream: string; state: string }[];
        const open = states.filter(({ state }) => state !== "closed").map(({ upstream }) => upstream);
        return open.join() === "history";
      });
      const home = await api.call("GET", "/v1/home", { token: user.token });
      expect(home).toMatchObject({
        status: 200,
        body: { profile: { userId: user.userId }, continue: null, degraded: ["continue"] },
      });
      expect((await api.call("GET", "/v1/account/me", { token: user.token })).status).toBe(200);
    });
    const ms = await eventually(
      async () => (await api.call("GET", "/v1/history", { token: user.token })).status === 200,
      6_000,
    );
    expect(ms).toBeLessThan(6_000);
  });

  it("is told with X-No-Retry and Retry-After, so that nobody above tries again", async () => {
    await during("history", { errorRate: 1 }, async () => {
      const { status, headers } = await api.call("GET", "/v1/history", { token: user.token });
      expect([status, headers.get("x-no-retry")]).toEqual([503, "1"]);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      expect(headers.get("x-overloaded")).toBeNull();
    });
  });
});

describe("an identity that is a second late", () => {
  it("logs nobody out: sessions are refreshed, once each time, and ended", async () => {
    const { token, refreshToken } = await api.signUp(`late-${crypto.randomUUID()}@example.com`);
    const refresh = (given: unknown) =>
      api.call("POST", "/v1/account/refresh", { body: { refreshToken: given } });
    let newest: unknown = refreshToken;
    await during("identity", { latencyMs: 1_000 }, async () => {
      const { status, body } = await refresh(newest);
      expect(status).toBe(200);
      newest = body["refreshToken"];
    });
    expect((await refresh(newest)).status).toBe(200);
    await during("identity", { latencyMs: 1_000 }, async () => {
      expect((await api.call("POST", "/v1/account/logout", { token })).status).toBe(204);
    });
  });

  it("and, later than it may be, invites nobody to try a token again that may be spent", async () => {
    const { refreshToken } = await api.signUp(`lost-${crypto.randomUUID()}@example.com`);
    await during("identity", { latencyMs: 2_700 }, async () => {
      const { status, headers } = await api.call("POST", "/v1/account/refresh", { body: { refreshToken } });
      expect([status, headers.get("x-no-retry"), headers.get("retry-after")]).toEqual([503, "1", null]);
    });
  });
});

describe("a client with 150 ms of patience is answered within 300 ms", () => {
  const hint = { "x-request-timeout-ms": "150" };
  it.each([
    ["history", "/v1/history", 504],
    ["app", "/v1/history", 504],
    ["identity", "/v1/account/me", 504],
    ["account", "/v1/account/me", 504],
  ])("while %s hangs", async (target, path, expected) => {
    await during(target, { latencyMs: 5_000 }, async () => {
      for (let call = 0; call < 3; call += 1) {
        const { result, ms } = await timed(() => api.call("GET", path, { token: user.token, headers: hint }));
        expect([result.status, result.body["code"]]).toEqual([expected, "DEADLINE_EXCEEDED"]);
        expect(ms).toBeLessThan(300);
      }
    });
  });

  it("with the parts of home that are there in time", async () => {
    await during("history", { latencyMs: 5_000 }, async () => {
      const { result, ms } = await timed(() =>
        api.call("GET", "/v1/home", { token: user.token, headers: hint }),
      );
      expect(result).toMatchObject({
        status: 200,
        body: { profile: { userId: user.userId }, continue: null, degraded: ["continue"] },
      });
      expect(ms).toBeLessThan(300);
    });
  });
});

describe("hurried clients", () => {
  it("do not open the breaker of an upstream that is only slower than they like", async () => {
    await during("history", { latencyMs: 100 }, async () => {
      for (let call = 0; call < 30; call += 1) {
        await api.call("GET", "/v1/history", {
          token: user.token,
          headers: { "x-request-timeout-ms": "60" },
        });
      }
      expect((await api.call("GET", "/v1/history", { token: user.token })).status).toBe(200);
    });
  });

  it("who hang up leave their places to others", async () => {
    await during("history", { latencyMs: 300 }, async () => {
      const hungUp = Array.from({ length: 200 }, () =>
        fetch(`${platform.url}/v1/history`, {
          headers: { authorization: `Bearer ${user.token}` },
          signal: AbortSignal.timeout(100),
        }).catch(() => null),
      );
      await Promise.all(hungUp);
      // On a busy machine so many at once may be late for everybody; places that nobody gives back
      // would be gone for good.
      const ms = await eventually(
        async () => (await api.call("GET", "/v1/history", { token: user.token })).status === 200,
      );
      expect(ms).toBeLessThan(10_000);
    });
  });
});

describe("operators", () => {
  it("see which engine decides for whom", async () => {
    const enginesOfHistory = async (): Promise<unknown> => {
      await api.call("GET", "/v1/history", { token: user.token });
      await api.call("POST", "/v1/ops/history/flush", { token: admin });
      const { body } = await api.call("GET", "/v1/ops/breakers", { token: admin });
      const breakers = body["breakers"] as {
        upstream: string;
        callers: { worker: string; engine: string }[];
      }[];
      const callers = breakers.find(({ upstream }) => upstream === "history")?.callers ?? [];
      return Object.fromEntries(callers.map(({ worker, engine }) => [worker, engine]));
    };
    await expect.poll(enginesOfHistory, { timeout: 10_000, interval: 100 }).toMatchObject({
      "playhead-app-bff": "hystrix",
      "playhead-ops-bff": "sre",
    });
  });

  it("see what is left of a client's quotas", async () => {
    await eventually(async () => {
      // Transfers are told of each time, were they bad ones, and of the windows that so high a
      // limit is split into this looks at the first. Of a client who reads little nothing is told.
      await api.call("POST", "/v1/transfers", { token: user.token, body: {} });
      const { body } = await api.call("GET", `/v1/ops/limits?client=user:${user.userId}`, { token: admin });
      return (body["quotas"] as { policy: string }[]).some(({ policy }) => policy === "default");
    });
    expect((await api.call("GET", "/v1/ops/limits?client=ada", { token: admin })).status).toBe(422);
  });

  it("who may only look order no faults", async () => {
    const other = await api.signUp("op@example.com");
    await api.call("PUT", `/v1/ops/users/${other.userId}/roles`, {
      token: admin,
      body: { roles: ["operator"] },
    });
    const { token } = await api.signIn("op@example.com", "correct horse battery");
    expect((await api.call("GET", "/v1/ops/breakers", { token })).status).toBe(200);
    expect(
      (await api.call("PUT", "/v1/ops/faults", { token, body: { target: "app", errorRate: 1 } })).status,
    ).toBe(403);
  });

  it("learn what is wrong with an order", async () => {
    for (const body of [
      { target: "gateway" },
      { target: "app", errorRate: 2 },
      { target: "app", latencyMs: -1 },
      {},
    ]) {
      expect((await api.call("PUT", "/v1/ops/faults", { token: admin, body })).status).toBe(422);
    }
  });
});

it(
  "limits hold over HTTP, with their headers, and faults don't exist where they are off",
  { timeout: 300_000 },
  async () => {
    const strict = await startE2ePlatform({ RATE_LIMIT_SCALE: "1", FAULTS: "off" });
    try {
      const limited = new ApiClient(strict.url);
      const { token } = await limited.signIn(strict.secrets.ADMIN_EMAIL, strict.secrets.ADMIN_PASSWORD);
      expect(
        (await limited.call("PUT", "/v1/ops/faults", { token, body: { target: "app", errorRate: 1 } }))
          .status,
      ).toBe(404);
      const statuses: number[] = [];
      for (let call = 0; call < 12; call += 1) {
        const { status, headers } = await limited.call("POST", "/v1/account/login", {
          body: { email: `e${call}@example.com`, password: "x" },
        });
        statuses.push(status);
        expect(headers.get("ratelimit-policy")).toBe('"login";q=10;w=60');
        const [, left, seconds] = /^"login";r=(\d+);t=(\d+)$/.exec(headers.get("ratelimit") ?? "") ?? [];
        expect(Number(left)).toBe(Math.max(0, 8 - call));
        const retryAfter = headers.get("retry-after");
        expect([status, retryAfter === null || Number(retryAfter) >= Number(seconds)]).toEqual([
          status,
          status === 429 || retryAfter === null,
        ]);
      }
      expect(statuses).toEqual([...Array.from({ length: 9 }, () => 401), 429, 429, 429]);
    } finally {
      await strict.stop();
    }
  },
);
