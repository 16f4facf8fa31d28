import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";
import type { PrivateKeyJwk } from "../../src/platform/jwk.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

let platform: E2ePlatform;
let api: ApiClient;
let people = 0;
const freshEmail = (): string => `person-${(people += 1)}@example.com`;

beforeAll(async () => {
  platform = await startE2ePlatform({ LOG_LEVEL: "debug" });
  api = new ApiClient(platform.url);
});

afterAll(() => platform.stop());

const report = (itemId: string, positionMs: number, more: object = {}) => ({
  kind: "video",
  itemId,
  positionMs,
  ...more,
});
const admin = () => api.signIn(platform.secrets.ADMIN_EMAIL, platform.secrets.ADMIN_PASSWORD);

describe("a viewer", () => {
  it("reports playback and finds it in history, in continue, by lookup and at home, at once", async () => {
    const { token, userId } = await api.signUp(freshEmail());
    const reports = [
      report("film", 61_000, { durationMs: 600_000, deviceId: "tv" }),
      report("song", 5_000, { kind: "audio", event: "ended" }),
    ];
    expect((await api.call("POST", "/v1/history/reports", { token, body: { reports } })).body).toEqual({
      accepted: 2,
      ignored: 0,
      nextReportMs: expect.any(Number),
      now: expect.any(Number),
    });
    const film = {
      kind: "video",
      itemId: "film",
      positionMs: 61_000,
      durationMs: 600_000,
      event: "playing",
      deviceId: "tv",
      watchedAt: expect.any(Number),
      watched: false,
    };
    const song = {
      kind: "audio",
      itemId: "song",
      positionMs: 5_000,
      event: "ended",
      watchedAt: expect.any(Number),
      watched: true,
    };
    expect((await api.call("GET", "/v1/history", { token })).body).toEqual({ items: [song, film] });
    expect((await api.call("GET", "/v1/history?kind=video", { token })).body).toEqual({ items: [film] });
    expect((await api.call("GET", "/v1/history/continue", { token })).body).toEqual({ items: [film] });
    const lookup = {
      items: [
        { kind: "audio", itemId: "song" },
        { kind: "audio", itemId: "unheard" },
      ],
    };
    expect((await api.call("POST", "/v1/history/lookup", { token, body: lookup })).body).toEqual({
      items: [song],
    });
    expect((await api.call("GET", "/v1/home", { token })).body).toMatchObject({
      profile: { userId },
      continue: [film],
      degraded: [],
    });
  });

  it("sees their history arrive in D1, one row an item", async () => {
    const { token, userId } = await api.signUp(freshEmail());
    for (const positionMs of [1_000, 2_000, 3_000])
      await api.call("POST", "/v1/history/reports", {
        token,
        body: { reports: [report("film", positionMs)] },
      });
    const databases = await Promise.all(
      ["HISTORY_DB_0", "HISTORY_DB_1"].map((name) =>
        platform.miniflare.getD1Database(name, "playhead-history"),
      ),
    );
    const rows = async () => {
      const found = await Promise.all(
        databases.map((db) =>
          db.prepare("SELECT item_id, position_ms FROM history WHERE user_id = ?").bind(userId).all(),
        ),
      );
      return found.flatMap(({ results }) => results);
    };
    await vi.waitFor(async () => expect(await rows()).toEqual([{ item_id: "film", position_ms: 3_000 }]), {
      timeout: 15_000,
      interval: 100,
    });
  });

  it("pages through everything, newest first, without gaps or repeats", async () => {
    const { token } = await api.signUp(freshEmail());
    const names = Array.from({ length: 45 }, (_, index) => `film-${String(index).padStart(2, "0")}`);
    const at = Date.now() - 100_000;
    const reports = names.map((name, index) => report(name, 1, { at: at + index }));
    await api.call("POST", "/v1/history/reports", { token, body: { reports } });
    const seen: string[] = [];
    let cursor: unknown;
    do {
      const { body } = await api.call(
        "GET",
        `/v1/history?limit=20${cursor === undefined ? "" : `&cursor=${String(cursor)}`}`,
        { token },
      );
      seen.push(...(body["items"] as { itemId: string }[]).map(({ itemId }) => itemId));
      cursor = body["nextCursor"];
    } while (cursor !== undefined);
    expect(seen).toEqual(names.toReversed());
  });

  it("gets the latest position by the players' time, whatever order two devices report in", async () => {
    const { token } = await api.signUp(freshEmail());
    const at = Date.now() - 60_000;
    const send = (positionMs: number, atMs: number, deviceId: string) =>
      api.call("POST", "/v1/history/reports", {
        token,
        body: { reports: [report("film", positionMs, { at: atMs, deviceId })] },
      });
    await send(3_000, at + 3_000, "phone");
    await send(1_000, at + 1_000, "tv");
    await send(2_000, at + 2_000, "tv");
    await send(3_000, at + 3_000, "phone");
    const { body } = await api.call("GET", "/v1/history", { token });
    expect(body["items"]).toEqual([
      expect.objectContaining({ positionMs: 3_000, deviceId: "phone", watchedAt: at + 3_000 }),
    ]);
  });

  it("cannot date a report into the future", async () => {
    const { token } = await api.signUp(freshEmail());
    await api.call("POST", "/v1/history/reports", {
      token,
      body: { reports: [report("film", 1, { at: Date.now() + 86_400_000 })] },
    });
    const { body } = await api.call("GET", "/v1/history", { token });
    expect((body["items"] as { watchedAt: number }[])[0]?.watchedAt).toBeLessThanOrEqual(Date.now() + 1_000);
  });

  it("sees nothing of anybody else's", async () => {
    const ada = await api.signUp(freshEmail());
    const eve = await api.signUp(freshEmail());
    await api.call("POST", "/v1/history/reports", {
      token: ada.token,
      body: { reports: [report("diary", 1)] },
    });
    expect(
      (await api.call("GET", "/v1/history", { token: eve.token, headers: { "x-user-id": ada.userId } })).body,
    ).toEqual({ items: [] });
    expect(
      (
        await api.call("POST", "/v1/history/lookup", {
          token: eve.token,
          body: { items: [{ kind: "video", itemId: "diary" }] },
        })
      ).body,
    ).toEqual({ items: [] });
  });
});

describe("a session", () => {
  it("is refreshed with each token for one successor, again for a lost answer; an older one ends it", async () => {
    const { refreshToken } = await api.signUp(freshEmail());
    const refresh = async (given: unknown) => {
      const { status, body } = await api.call("POST", "/v1/account/refresh", {
        body: { refreshToken: given },
      });
      return { status, next: body["refreshToken"] };
    };
    const second = await refresh(refreshToken);
    expect(second).toEqual({ status: 200, next: expect.stringMatching(/^v1\./) });
    expect(await refresh(refreshToken)).toEqual(second);
    const third = await refresh(second.next);
    expect(third.status).toBe(200);
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await refresh(third.next)).status).toBe(401);
  });

  it("is dead everywhere within 15 s of its logout", async () => {
    const { token } = await api.signUp(freshEmail());
    expect((await api.call("POST", "/v1/account/logout", { token })).status).toBe(204);
    const started = Date.now();
    await vi.waitFor(async () => expect((await api.call("GET", "/v1/history", { token })).status).toBe(401), {
      timeout: 15_000,
      interval: 200,
    });
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  it("survives a key rotation, and new ones work after it", async () => {
    const email = freshEmail();
    const { token } = await api.signUp(email);
    const { token: adminToken } = await admin();
    expect((await api.call("POST", "/v1/ops/keys/rotate", { token: adminToken })).status).toBe(201);
    expect((await api.call("GET", "/v1/account/me", { token })).status).toBe(200);
    const { keys } = (await api.call("GET", "/.well-known/jwks.json")).body as { keys: object[] };
    expect(keys.length).toBeGreaterThanOrEqual(1);
    const again = await api.signIn(email, "correct horse battery");
    expect((await api.call("GET", "/v1/account/me", { token: again.token })).status).toBe(200);
  });
});

describe("an account", () => {
  it("is erased with its history, for good", async () => {
    const email = freshEmail();
    const { token, userId } = await api.signUp(email);
    await api.call("POST", "/v1/history/reports", { token, body: { reports: [report("film", 1)] } });
    expect(
      (await api.call("DELETE", "/v1/account/me", { token, body: { password: "not the password" } })).status,
    ).toBe(401);
    expect(
      (await api.call("DELETE", "/v1/account/me", { token, body: { password: "correct horse battery" } }))
        .status,
    ).toBe(204);
    expect(
      (await api.call("POST", "/v1/account/login", { body: { email, password: "correct horse battery" } }))
        .status,
    ).toBe(401);
    const databases = await Promise.all(
      ["HISTORY_DB_0", "HISTORY_DB_1"].map((name) =>
        platform.miniflare.getD1Database(name, "playhead-history"),
      ),
    );
    await vi.waitFor(
      async () => {
        for (const db of databases) {
          expect(
            (await db.prepare("SELECT erased FROM history_user WHERE user_id = ?").bind(userId).all())
              .results,
          ).toEqual([{ erased: 1 }]);
          expect(
            (await db.prepare("SELECT 1 FROM history WHERE user_id = ?").bind(userId).all()).results,
          ).toEqual([]);
        }
      },
      { timeout: 10_000, interval: 100 },
    );
  });

  it("changes its password, which ends its other sessions and not this one", async () => {
    const email = freshEmail();
    const first = await api.signUp(email);
    const other = await api.signIn(email, "correct horse battery");
    const body = { password: "correct horse battery", newPassword: "a better horse battery" };
    expect((await api.call("POST", "/v1/account/password", { token: first.token, body })).status).toBe(204);
    expect(
      (await api.call("POST", "/v1/account/refresh", { body: { refreshToken: other.refreshToken } })).status,
    ).toBe(401);
    expect(
      (await api.call("POST", "/v1/account/refresh", { body: { refreshToken: first.refreshToken } })).status,
    ).toBe(200);
    expect(
      (await api.call("POST", "/v1/account/login", { body: { email, password: "correct horse battery" } }))
        .status,
    ).toBe(401);
  });
});

describe("operators", () => {
  it("see the overview, and only admins may change things", async () => {
    const email = freshEmail();
    const { token, userId } = await api.signUp(email);
    expect((await api.call("GET", "/v1/ops/overview", { token })).status).toBe(403);
    const { token: adminToken } = await admin();
    expect(
      (
        await api.call("PUT", `/v1/ops/users/${userId}/roles`, {
          token: adminToken,
          body: { roles: ["operator"] },
        })
      ).status,
    ).toBe(200);
    const operator = await api.signIn(email, "correct horse battery");
    const overview = await api.call("GET", "/v1/ops/overview", { token: operator.token });
    expect(overview.body).toMatchObject({
      history: { deadLetters: 0, rejected: 0, shards: expect.any(Array) },
      identity: { accounts: expect.any(Number) },
    });
    expect((await api.call("POST", "/v1/ops/history/flush", { token: operator.token })).status).toBe(403);
    expect((await api.call("POST", "/v1/ops/history/flush", { token: adminToken })).body).toEqual({
      shards: 4,
    });
    expect(
      (await api.call("PUT", "/v1/ops/users/nobody/roles", { token: adminToken, body: { roles: ["user"] } }))
        .status,
    ).toBe(404);
  });
});

describe("a BFF", () => {
  it.each(["account", "app", "ops"])(
    "playhead-%s-bff refuses whoever is not the gateway, or comes with a token for another worker",
    async (name) => {
      const bff = await platform.miniflare.getWorker(`playhead-${name}-bff`);
      const mint = internalTokenMinter(
        JSON.parse(platform.secrets.GATEWAY_SIGNING_KEY) as PrivateKeyJwk,
        Date.now,
      );
      const principal = { userId: "ada", sessionId: "s-1", roles: ["admin"] } as const;
      const foreign = await mint(principal, name === "app" ? "playhead-ops-bff" : "playhead-app-bff");
      for (const headers of [{}, { "x-internal-token": "a.b.c" }, { "x-internal-token": foreign }] as Record<
        string,
        string
      >[]) {
        expect((await bff.fetch("https://bff.internal/v1/history", { headers })).status).toBe(401);
      }
    },
  );
});

describe("what WWW-Authenticate says", () => {
  const PLAIN = 'Bearer realm="playhead"';
  const challengeOf = async (...args: Parameters<ApiClient["call"]>) => {
    const { status, headers } = await api.call(...args);
    return `${status} ${(headers.get("www-authenticate") ?? "nothing").replace(/, error_description="[^"]+"$/, "")}`;
  };

  it("tells a token that is no good from none, from a wrong password and from roles that don't suffice", async () => {
    const email = freshEmail();
    const { token } = await api.signUp(email);
    const password = "not the password";
    expect([
      await challengeOf("GET", "/v1/account/me"),
      await challengeOf("GET", "/v1/account/me", { token: "a.b.c" }),
      await challengeOf("POST", "/v1/account/refresh", { body: { refreshToken: "made up" } }),
      await challengeOf("POST", "/v1/account/login", { body: { email, password } }),
      await challengeOf("DELETE", "/v1/account/me", { token, body: { password } }),
      await challengeOf("GET", "/v1/ops/overview", { token }),
    ]).toEqual([
      `401 ${PLAIN}`,
      `401 ${PLAIN}, error="invalid_token"`,
      `401 ${PLAIN}, error="invalid_token"`,
      `401 ${PLAIN}`,
      `401 ${PLAIN}`,
      `403 ${PLAIN}, error="insufficient_scope"`,
    ]);
  });
});

describe("bad input", () => {
  const big = "x".repeat(70_000);
  it.each([
    ["no JSON", "POST", "/v1/history/reports", "{", 400, "MALFORMED"],
    ["no body", "POST", "/v1/history/reports", "", 400, "MALFORMED"],
    ["an array for an object", "POST", "/v1/history/reports", "[]", 422, "INVALID"],
    ["no reports", "POST", "/v1/history/reports", { reports: [] }, 422, "INVALID"],
    [
      "101 reports",
      "POST",
      "/v1/history/reports",
      { reports: Array.from({ length: 101 }, () => report("a", 1)) },
      422,
      "INVALID",
    ],
    ["a negative position", "POST", "/v1/history/reports", { reports: [report("a", -1)] }, 422, "INVALID"],
    [
      "a position of 2^31",
      "POST",
      "/v1/history/reports",
      { reports: [report("a", 2 ** 31)] },
      422,
      "INVALID",
    ],
    ["a fraction", "POST", "/v1/history/reports", { reports: [report("a", 1.5)] }, 422, "INVALID"],
    ["a path as an item", "POST", "/v1/history/reports", { reports: [report("../etc", 1)] }, 422, "INVALID"],
    [
      "a time in seconds",
      "POST",
      "/v1/history/reports",
      { reports: [report("a", 1, { at: 1_795_600_000 })] },
      422,
      "INVALID",
    ],
    [
      "an item that no URL can name",
      "POST",
      "/v1/history/reports",
      { reports: [report("..", 1)] },
      422,
      "INVALID",
    ],
    [
      "an unknown event",
      "POST",
      "/v1/history/reports",
      { reports: [report("a", 1, { event: "exploded" })] },
      422,
      "INVALID",
    ],
    [
      "a kind in capitals",
      "POST",
      "/v1/history/reports",
      { reports: [report("a", 1, { kind: "Video" })] },
      422,
      "INVALID",
    ],
    [
      "a prototype for a report",
      "POST",
      "/v1/history/reports",
      '{"reports":[{"__proto__":{"kind":"video"}}]}',
      422,
      "INVALID",
    ],
    ["ten thousand brackets", "POST", "/v1/history/reports", "[".repeat(10_000), 400, "MALFORMED"],
    ["a limit of 0", "GET", "/v1/history?limit=0", undefined, 422, "INVALID"],
    ["a limit of 101", "GET", "/v1/history?limit=101", undefined, 422, "INVALID"],
    ["a limit in words", "GET", "/v1/history/continue?limit=many", undefined, 422, "INVALID"],
    ["a made-up cursor", "GET", "/v1/history?cursor=%00%27--", undefined, 422, "INVALID"],
    ["a broken escape", "GET", "/v1/history?kind=%zz", undefined, 422, "INVALID"],
    [
      "a weak password",
      "POST",
      "/v1/account/register",
      { email: "a@example.com", password: "short" },
      422,
      "INVALID",
    ],
    [
      "an odd e-mail",
      "POST",
      "/v1/account/register",
      { email: "not an address", password: "correct horse" },
      422,
      "INVALID",
    ],
    [
      "a body above 64 KiB",
      "POST",
      "/v1/account/register",
      { email: "a@example.com", password: big },
      413,
      "TOO_LARGE",
    ],
    ["an unknown route", "GET", "/v1/history/%2e%2e/account", undefined, 404, "NOT_FOUND"],
    ["the wrong method", "DELETE", "/v1/home", undefined, 405, "METHOD_NOT_ALLOWED"],
  ])("%s answers %s %s as api.md says", async (_name, method, path, body, status, code) => {
    const { token } = await api.signIn(platform.secrets.ADMIN_EMAIL, platform.secrets.ADMIN_PASSWORD);
    const headers: Record<string, string> = body === "" ? { "content-type": "application/json" } : {};
    const answer = await api.call(method, path, { token, headers, ...(body === undefined ? {} : { body }) });
    expect([answer.status, answer.body["code"]]).toEqual([status, code]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({
      type: expect.any(String),
      title: expect.any(String),
      status,
      requestId: expect.any(String),
    });
  });

  it("names the path of each rejected value", async () => {
    const { token } = await api.signUp(freshEmail());
    const post = (...reports: readonly object[]) =>
      api.call("POST", "/v1/history/reports", { token, body: { reports } });
    const { body } = await post(report("bad", -1), report("bad id!", -5));
    const paths = (body["errors"] as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual(["reports.0.positionMs", "reports.1.itemId", "reports.1.positionMs"]);
  });

  it("of one report of several is named, and the others are taken", async () => {
    const { token } = await api.signUp(freshEmail());
    const reports = [report("bad id!", 5), report("ok", 5), report("old", 5, { at: 1_795_600_000 })];
    expect(await api.call("POST", "/v1/history/reports", { token, body: { reports } })).toMatchObject({
      status: 200,
      body: {
        accepted: 1,
        ignored: 0,
        rejected: [
          { index: 0, path: "itemId" },
          { index: 2, path: "at", message: "at is in milliseconds" },
        ],
      },
    });
    expect((await api.call("GET", "/v1/history", { token })).body["items"]).toMatchObject([
      { itemId: "ok", positionMs: 5 },
    ]);
  });
});
