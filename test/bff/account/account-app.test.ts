import { describe, expect, it } from "vitest";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { IdentityAccounts, LoginGrant } from "../../../src/contracts/identity.ts";
import type { Role } from "../../../src/contracts/permissions.ts";
import { createAccountApp } from "../../../src/bff/account/account-app.ts";
import { readBffConfig } from "../../../src/platform/bff/bff-config.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { internalTokenMinter, internalTokenVerifier } from "../../../src/platform/bff/internal-token.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import { testKey } from "../../support/workers/ed25519.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const GRANT: LoginGrant = {
  accessToken: "a.b.c",
  tokenType: "Bearer",
  expiresIn: 600,
  refreshToken: "r",
  userId: "ada",
  roles: ["user"],
  deviceToken: "d",
};
const PROFILE = { userId: "ada", email: "ada@example.com", roles: ["user"], createdAt: 1 } as const;

interface Call {
  readonly method: string;
  readonly ctx: CallContext;
  readonly input: unknown;
}

/** What a refusal looks like; other answers are compared whole. */
interface ProblemBody {
  readonly code: string;
  readonly errors: readonly { readonly path: string }[];
}

/** Identity that writes down what it is asked, and answers `failure` where it is given one. */
function fakeIdentity(calls: Call[], failure?: Error): IdentityAccounts {
  const answer =
    <T>(method: string, value: T) =>
    async (ctx: CallContext, input?: unknown): Promise<T> => {
      calls.push({ method, ctx, input });
      if (failure !== undefined) throw failure;
      return value;
    };
  return {
    register: answer("register", { userId: "ada" }),
    login: answer("login", GRANT),
    refresh: answer("refresh", GRANT),
    logout: answer("logout", undefined),
    changePassword: answer("changePassword", undefined),
    me: answer("me", PROFILE),
    erase: answer("erase", undefined),
    ready: answer("ready", undefined),
  };
}

/** The BFF behind a real guard, with a gateway's key to call it by. */
async function accountBff({ failure }: { readonly failure?: Error } = {}) {
  const calls: Call[] = [];
  const gatewayKey = await testKey("gateway-1");
  const { x } = gatewayKey.publicJwk;
  const identity = guardedRpc(fakeIdentity(calls, failure), testGuard());
  const app = createAccountApp({
    identity,
    sessions: identity,
    passwords: identity,
    verifyInternalToken: internalTokenVerifier({
      jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x, kid: "gateway-1" }] },
      audience: "playhead-account-bff",
      now: Date.now,
    }),
    logger: createLogger({ worker: "playhead-account-bff", level: "silent" }),
    now: Date.now,
  });
  const mint = internalTokenMinter(gatewayKey.privateJwk, Date.now);
  const nobody = await mint(null, "playhead-account-bff");
  const tokenOf = (roles: readonly Role[], audience = "playhead-account-bff") =>
    mint({ userId: "ada", sessionId: "s-1", roles }, audience);

  async function call(
    route: string,
    body?: unknown,
    token: string | null = nobody,
    headers: Record<string, string> = {},
  ) {
    const [method = "", path = ""] = route.split(" ");
    const init: RequestInit = {
      method,
      headers: { ...(token === null ? {} : { "x-internal-token": token }), ...headers },
    };
    if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
    const response = await app(new Request(`https://bff.internal${path}`, init), {});
    const answered: Partial<ProblemBody> = response.status === 204 ? {} : await response.json();
    return { status: response.status, headers: response.headers, body: answered };
  }
  return { call, calls, tokenOf };
}

const PUBLIC_ROUTES: readonly [string, object, number, string][] = [
  ["POST /v1/account/register", { email: "ada@example.com", password: "correct horse" }, 201, "register"],
  ["POST /v1/account/login", { email: "ada@example.com", password: "x" }, 200, "login"],
  ["POST /v1/account/refresh", { refreshToken: "r" }, 200, "refresh"],
];
const OWN_ROUTES: readonly [string, object | undefined, number, string][] = [
  ["POST /v1/account/logout", undefined, 204, "logout"],
  ["POST /v1/account/password", { password: "x", newPassword: "correct horse" }, 204, "changePassword"],
  ["GET /v1/account/me", undefined, 200, "me"],
  ["DELETE /v1/account/me", { password: "x" }, 204, "erase"],
];

describe("the account BFF", () => {
  it.each([...PUBLIC_ROUTES, ...OWN_ROUTES])(
    "passes %s on to identity, with the caller and the time left",
    async (route, body, status, method) => {
      const { call, calls, tokenOf } = await accountBff();
      const headers = { "x-deadline-ms": "700", "x-request-id": "request-77", traceparent: "trace" };
      const answer = await call(route, body, await tokenOf(["user"]), headers);
      expect(answer.status).toBe(status);
      expect(calls.map((made) => made.method)).toEqual([method]);
      expect(calls[0]?.ctx).toMatchObject({
        requestId: "request-77",
        traceparent: "trace",
        principal: { userId: "ada", sessionId: "s-1", roles: ["user"] },
      });
      expect(calls[0]?.ctx.remainingMs).toBeGreaterThan(0);
      expect(calls[0]?.ctx.remainingMs).toBeLessThanOrEqual(700);
    },
  );

  it("tells identity on which continent the client is, where the gateway knows, and no other word of it", async () => {
    const { call, calls } = await accountBff();
    const [register = "", body] = PUBLIC_ROUTES[0] ?? [];
    for (const context of ['{"continent":"NA"}', '{"continent":"na"}', "{}"])
      await call(register, body, undefined, { "x-context": context });
    // As a gateway of the release before tells of it, and a client that would like to.
    await call(register, body, undefined, { "x-request-id": "request-1", "x-test-continent": "NA" });
    expect(calls.map(({ ctx }) => ctx.continent)).toEqual(["NA", undefined, undefined, undefined]);
    expect(calls.filter(({ ctx }) => "continent" in ctx)).toHaveLength(1);
  });

  it.each([...PUBLIC_ROUTES, ...OWN_ROUTES])(
    "refuses %s without a token of the gateway, or with one for another worker",
    async (route, body) => {
      const { call, calls, tokenOf } = await accountBff();
      const forged = await (await accountBff()).tokenOf(["admin"]);
      for (const token of [null, "a.b.c", forged, await tokenOf(["user"], "playhead-app-bff")]) {
        const answer = await call(route, body, token);
        expect([answer.status, answer.body.code]).toEqual([401, "UNAUTHENTICATED"]);
        expect(answer.headers.get("www-authenticate")).toContain("Bearer");
      }
      expect(calls).toEqual([]);
    },
  );

  it.each([
    [
      "a token that is no good",
      { tokenFault: "invalid_token" },
      'Bearer realm="playhead", error="invalid_token"',
    ],
    ["a password that is wrong, which is no token's fault", {}, 'Bearer realm="playhead"'],
  ] as const)("says with a 401 of identity whether it is for %s", async (_what, hints, challenge) => {
    const { call } = await accountBff({ failure: new CodedError("UNAUTHENTICATED", "no", hints) });
    for (const [route, body] of PUBLIC_ROUTES) {
      const answer = await call(route, body);
      expect([
        answer.status,
        answer.headers.get("www-authenticate")?.replace(/, error_description="[^"]+"$/, ""),
      ]).toEqual([401, challenge]);
    }
  });

  it("names no error to whoever has no token, and the scope to whoever's roles don't suffice", async () => {
    const { call, tokenOf } = await accountBff();
    const challengeTo = async (token?: string) =>
      (await call("GET /v1/account/me", undefined, token)).headers.get("www-authenticate");
    expect([await challengeTo(), await challengeTo(await tokenOf([]))]).toEqual([
      'Bearer realm="playhead"',
      'Bearer realm="playhead", error="insufficient_scope", error_description="The roles of the token do not allow this"',
    ]);
  });

  it.each(PUBLIC_ROUTES)("lets anybody %s", async (route, body, status) => {
    const { call, calls } = await accountBff();
    expect((await call(route, body)).status).toBe(status);
    expect(calls[0]?.ctx.principal).toBeNull();
  });

  it.each(OWN_ROUTES)("lets only a signed-in user %s", async (route, body) => {
    const { call, calls, tokenOf } = await accountBff();
    expect((await call(route, body)).body.code).toBe("UNAUTHENTICATED");
    expect((await call(route, body, await tokenOf([]))).body.code).toBe("FORBIDDEN");
    expect(calls).toEqual([]);
  });

  it("answers what identity answers, for no cache to keep", async () => {
    const { call, tokenOf } = await accountBff();
    const login = await call("POST /v1/account/login", { email: "a", password: "b" });
    expect([login.body, login.headers.get("cache-control")]).toEqual([GRANT, "no-store"]);
    expect((await call("GET /v1/account/me", undefined, await tokenOf(["user"]))).body).toEqual(PROFILE);
  });

  it("folds the e-mail before identity sees it", async () => {
    const { call, calls } = await accountBff();
    await call("POST /v1/account/register", { email: " Ada@Example.COM ", password: "correct horse" });
    await call("POST /v1/account/login", { email: " Ada@Example.COM ", password: "correct horse" });
    const seen = { email: "ada@example.com", password: "correct horse" };
    expect(calls.map(({ input }) => input)).toEqual([seen, seen]);
  });
});

describe("a device token", () => {
  it("is handed on to identity", async () => {
    const { call, calls } = await accountBff();
    await call("POST /v1/account/login", { email: "ada@example.com", password: "x", deviceToken: "d" });
    expect(calls[0]?.input).toEqual({ email: "ada@example.com", password: "x", deviceToken: "d" });
  });

  it.each([7, null, {}, "x".repeat(2_000)])(
    "that is none (%o) is no reason to refuse a login",
    async (deviceToken) => {
      const { call, calls } = await accountBff();
      expect(
        (await call("POST /v1/account/login", { email: "ada@example.com", password: "x", deviceToken }))
          .status,
      ).toBe(200);
      expect(calls.map(({ input }) => input)).toEqual([{ email: "ada@example.com", password: "x" }]);
    },
  );
});

describe("a body that is not right", () => {
  it.each([
    ["POST /v1/account/register", { email: "no address", password: "short" }, ["email", "password"]],
    ["POST /v1/account/register", { email: "ada@example.com", password: "x".repeat(201) }, ["password"]],
    ["POST /v1/account/login", {}, ["email", "password"]],
    ["POST /v1/account/refresh", { refreshToken: 7 }, ["refreshToken"]],
    ["POST /v1/account/password", { password: "", newPassword: "short" }, ["password", "newPassword"]],
    ["DELETE /v1/account/me", { password: null }, ["password"]],
  ])("of %s is INVALID, with the path of each value", async (route, body, paths) => {
    const { call, calls, tokenOf } = await accountBff();
    const answer = await call(route, body, await tokenOf(["user"]));
    expect([answer.status, answer.body.code]).toEqual([422, "INVALID"]);
    expect(answer.body.errors?.map(({ path }) => path)).toEqual(paths);
    expect(calls).toEqual([]);
  });

  it("is MALFORMED where it is no JSON at all", async () => {
    const { call } = await accountBff();
    expect((await call("POST /v1/account/login", "{")).body.code).toBe("MALFORMED");
    expect((await call("POST /v1/account/login")).body.code).toBe("MALFORMED");
  });
});

describe("a failure of identity", () => {
  it.each([
    ["CONFLICT", 409, "The e-mail is taken"],
    ["UNAUTHENTICATED", 401, "The e-mail is taken"],
    ["UNAVAILABLE", 503, "Temporarily unavailable"],
  ] as const)("with code %s is answered as that, in words fit for clients", async (code, status, detail) => {
    const { call } = await accountBff({ failure: new CodedError(code, "The e-mail is taken") });
    const { body } = await call("POST /v1/account/register", {
      email: "ada@example.com",
      password: "correct horse",
    });
    expect(body).toMatchObject({ status, code, detail, instance: "/v1/account/register" });
  });

  it("without a code of ours is UNAVAILABLE, and tells nothing", async () => {
    const { call } = await accountBff({ failure: new Error("D1_ERROR: no such table account") });
    const { status, body } = await call("POST /v1/account/login", { email: "a", password: "b" });
    expect(status).toBe(503);
    expect(JSON.stringify(body)).not.toContain("D1_ERROR");
  });

  it("makes the BFF not ready, which needs no token", async () => {
    expect((await (await accountBff()).call("GET /readyz", undefined, null)).body).toEqual({
      status: "ready",
    });
    expect(
      (await (await accountBff({ failure: new Error("gone") })).call("GET /readyz", undefined, null)).status,
    ).toBe(503);
  });
});

describe("the account BFF's config", () => {
  it("refuses a bad config by the names of its vars, never their values", () => {
    const env = {
      LOG_LEVEL: "info",
      INTERNAL_JWKS: '{"keys":[{"secret":"s3cr3t"}]}',
    } as unknown as AccountBffEnv;
    expect(() => readBffConfig(env)).toThrow(/bad configuration: .*INTERNAL_JWKS/);
    expect(() => readBffConfig(env)).not.toThrow(/s3cr3t/);
  });
});
