import { describe, expect, it } from "vitest";
import { addHomeRoute } from "../../../src/bff/app/home-route.ts";
import { homeScreenOf } from "../../../src/bff/app/home-screen.ts";
import { CLIENT_KINDS } from "../../../src/contracts/client-kind.ts";
import { CodedError, type ErrorCode } from "../../../src/contracts/errors.ts";
import { pageLimitSchema } from "../../../src/contracts/history.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const PROFILE = { userId: "ada", email: "ada@example.com", roles: ["user"], createdAt: 1 };
const CUT = { balance: 70, inFlight: 0, paidIn: 70, movements: [], since: "" };
const WALLET = { wallet: { balance: 70 }, savings: { balance: 70 }, inFlight: 0 };
const STARTED = [
  { kind: "video", itemId: "m1", positionMs: 1, event: "playing", watchedAt: 1, watched: false },
];

type Service = "history" | "identity" | "wallet" | "savings";

/** The home screen over services of which some are down, and what it asks them. */
async function home(
  kind: string | null,
  {
    down = [],
    query = "",
    code = "UNAVAILABLE",
  }: { down?: Service[]; query?: string; code?: ErrorCode } = {},
) {
  const asked: string[] = [];
  const serviceOf = (name: Service, answers: Readonly<Record<string, unknown>>) => {
    const service = new Proxy(
      {},
      {
        get:
          (_target, method) =>
          async (_ctx: unknown, ...args: readonly unknown[]) => {
            asked.push([name, String(method), ...args].join(" "));
            if (down.includes(name)) throw new CodedError(code, "away", { mustNotRetry: true });
            return answers[String(method)];
          },
      },
    );
    return guardedRpc(service as never, testGuard({ upstream: name }));
  };
  const history = serviceOf("history", { continueWatching: { items: STARTED } });
  const identity = serviceOf("identity", { me: PROFILE });
  const ledgers = {
    wallet: serviceOf("wallet", { cut: CUT }),
    savings: serviceOf("savings", { cut: CUT }),
  };
  const logger = createLogger({ worker: "playhead-app-bff", level: "silent" });
  const bff = createBff({
    verifyInternalToken: async () => ({ userId: "ada", sessionId: "s-1", roles: ["user"] }),
    logger,
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) => addHomeRoute(app, { history, identity, ledgers, logger }),
  });
  const headers: Record<string, string> = kind === null ? {} : { "x-client-kind": kind };
  const response = await bff(new Request(`https://bff.internal/v1/home${query}`, { headers }), {});
  return { status: response.status, body: await response.json(), asked: asked.toSorted() };
}

describe("the home screen", () => {
  it.each([null, "phone", "web", "watch"])("has all three parts for a client of kind %s", async (kind) => {
    const { status, body, asked } = await home(kind);
    expect([status, body]).toEqual([
      200,
      { profile: PROFILE, continue: STARTED, wallet: WALLET, degraded: [] },
    ]);
    expect(asked).toContain("history continueWatching 20");
  });

  it("of a television has fewer parts and more in them: no money, and nobody is asked for it", async () => {
    const { status, body, asked } = await home("tv");
    expect([status, body]).toEqual([200, { profile: PROFILE, continue: STARTED, degraded: [] }]);
    expect(asked).toEqual(["history continueWatching 60", "identity me"]);
  });

  it("of a television names the part that is missing, and no other", async () => {
    const { status, body } = await home("tv", { down: ["history", "wallet"] });
    expect([status, body]).toEqual([200, { profile: PROFILE, continue: null, degraded: ["continue"] }]);
  });

  it("is an error where all of its parts are missing, whatever else there would be", async () => {
    expect((await home("tv", { down: ["history", "identity"] })).status).toBe(503);
    expect((await home("phone", { down: ["history", "identity"] })).status).toBe(200);
  });

  it("says so where the account may spend no more, and is there in part while a part can be had", async () => {
    const code = "SPENDING_CAP";
    const { status, body } = await home("tv", { down: ["history", "identity"], code });
    expect([status, body]).toMatchObject([503, { code }]);
    expect((await home("tv", { down: ["history"], code })).status).toBe(200);
  });

  it("is trimmed like every answer, whatever it is made of", async () => {
    expect((await home("tv", { query: "?fields=continue,wallet" })).body).toEqual({ continue: STARTED });
    expect((await home("web", { query: "?fields=wallet" })).body).toEqual({ wallet: WALLET });
  });

  it("of no kind of client asks for more than the history gives at once", () => {
    for (const kind of [null, ...CLIENT_KINDS])
      expect(pageLimitSchema.safeParse(homeScreenOf(kind).continueMax).success).toBe(true);
  });
});
