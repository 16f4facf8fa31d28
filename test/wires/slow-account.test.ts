import { createHash, type BinaryLike } from "node:crypto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { slowIdentity } from "../support/workers/slow-identity.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
// Real time doesn't pass on the faked clock; a password takes a quarter of a second of it.
vi.mock("node:crypto", async (original) => ({
  ...(await original<object>()),
  scrypt: (
    password: string,
    salt: BinaryLike,
    _length: number,
    _options: object,
    done: (error: null, key: Buffer) => void,
  ) => done(null, createHash("sha256").update(password).update(salt).digest()),
}));

const EMAIL = "ada@example.com";
const PASSWORD = "correct horse";
const KEYS_FORGOTTEN_MS = 60_000;
const SLOW_MS = [310, 1_000, 1_900];

async function signedIn() {
  const world = await slowIdentity();
  await world.ask("POST /v1/account/register", { email: EMAIL, password: PASSWORD });
  const { body } = await world.ask("POST /v1/account/login", { email: EMAIL, password: PASSWORD });
  const token = String(body["accessToken"]);
  // The gateway learns its keys while they can be had.
  await world.ask("GET /v1/account/me", undefined, token);
  const refresh = (refreshToken: unknown) => world.ask("POST /v1/account/refresh", { refreshToken });
  return { ...world, refresh, refreshToken: body["refreshToken"], token };
}

/** Nobody is invited: not to come at once, nor later. */
const UNKNOWN = { status: 503, noRetry: "1", retryAfter: null };

beforeEach(() => {
  vi.clearAllTimers();
});

describe("with a database that is slow", () => {
  it.each(SLOW_MS)("a refresh works, once, and the user is still signed in afterwards: %d ms", async (ms) => {
    const { slowness, refresh, refreshToken } = await signedIn();
    slowness.ms = ms;
    const second = await refresh(refreshToken);
    expect(second.status).toBe(200);
    slowness.ms = 0;
    const third = await refresh(second.body["refreshToken"]);
    expect(third.status).toBe(200);
    expect([
      (await refresh(refreshToken)).status,
      (await refresh(third.body["refreshToken"])).status,
    ]).toEqual([401, 401]);
  });

  it.each([310, 1_000])("a refresh works where the keys have to be read before, too: %d ms", async (ms) => {
    const { slowness, refresh, refreshToken } = await signedIn();
    vi.advanceTimersByTime(KEYS_FORGOTTEN_MS);
    slowness.ms = ms;
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it("a refresh works however many only look, for whom the database is too slow all the while", async () => {
    const { slowness, ask, refresh, refreshToken, token } = await signedIn();
    slowness.ms = 310;
    const statuses: number[] = [];
    let newest: unknown = refreshToken;
    for (let number = 0; number < 4; number += 1) {
      for (let look = 0; look < 25; look += 1) await ask("GET /v1/account/me", undefined, token);
      const { status, body } = await refresh(newest);
      statuses.push(status);
      newest = body["refreshToken"];
      vi.advanceTimersByTime(5_000);
    }
    expect(statuses).toEqual([200, 200, 200, 200]);
  });

  it("no token is spent in a time that may not suffice: the client is told to come back, and is signed in then", async () => {
    const { slowness, refresh, refreshToken } = await signedIn();
    vi.advanceTimersByTime(KEYS_FORGOTTEN_MS);
    slowness.ms = 1_900;
    expect(await refresh(refreshToken)).toMatchObject({ status: 503, retryAfter: "1" });
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it.each([
    [310, 0],
    [1_000, 1],
    // Keys are read every five seconds, and beside a trade there is no time for that.
    [1_900, 11],
  ])(
    "an isolate that has just begun signs nobody out: whoever comes back when told to goes on, at %d ms after %d refusals of twenty at most",
    async (ms, refusalsMax) => {
      const { database, refreshToken } = await signedIn();
      const { slowness, ask } = await slowIdentity(database);
      slowness.ms = ms;
      const told: unknown[] = [];
      let newest = refreshToken;
      for (let number = 0; number < 20; number += 1) {
        const { status, retryAfter, body } = await ask("POST /v1/account/refresh", { refreshToken: newest });
        told.push(status === 200 ? 200 : [status, retryAfter]);
        if (status === 200) newest = body["refreshToken"];
        vi.advanceTimersByTime(1_000);
      }
      const puttingOff = told.filter((one) => one !== 200);
      expect(puttingOff.filter((one) => JSON.stringify(one) !== '[503,"1"]')).toEqual([]);
      expect(puttingOff.length).toBeLessThanOrEqual(refusalsMax);
    },
  );

  it.each(SLOW_MS)("a logout works: %d ms", async (ms) => {
    const { slowness, ask, refresh, refreshToken, token } = await signedIn();
    slowness.ms = ms;
    expect((await ask("POST /v1/account/logout", undefined, token)).status).toBe(204);
    slowness.ms = 0;
    expect((await refresh(refreshToken)).status).toBe(401);
  });

  it("whoever only looks waits no longer than ever, and may come back", async () => {
    const { slowness, ask, token } = await signedIn();
    slowness.ms = 310;
    const startedAtMs = Date.now();
    expect(await ask("GET /v1/account/me", undefined, token)).toMatchObject({ status: 503, retryAfter: "1" });
    expect(Date.now() - startedAtMs).toBeLessThan(1_000);
  });

  it("what is done once only is answered as done: a registration, a password change, an erasure", async () => {
    const { slowness, ask, token } = await signedIn();
    slowness.ms = 1_000;
    const statuses = [
      await ask("POST /v1/account/register", { email: "bob@example.com", password: PASSWORD }),
      await ask("POST /v1/account/password", { password: PASSWORD, newPassword: "battery staple" }, token),
      await ask("DELETE /v1/account/me", { password: "battery staple" }, token),
    ].map(({ status }) => status);
    expect(statuses).toEqual([201, 204, 204]);
  });
});

describe("where it isn't known whether a refresh has spent its token, nobody is invited to send it again", () => {
  it("the database is later than it may be", async () => {
    const { slowness, refresh, refreshToken } = await signedIn();
    slowness.ms = 2_100;
    expect(await refresh(refreshToken)).toMatchObject(UNKNOWN);
  });

  it("the database's answer is lost", async () => {
    const { slowness, refresh, refreshToken } = await signedIn();
    slowness.loses = true;
    expect(await refresh(refreshToken)).toMatchObject(UNKNOWN);
  });

  it.each(["identity", "bff"] as const)("the answer of the %s is lost", async (layer) => {
    const { lost, refresh, refreshToken } = await signedIn();
    lost.answerOf = layer;
    expect(await refresh(refreshToken)).toMatchObject(UNKNOWN);
  });

  it.each([
    ["POST /v1/account/register", { email: "eve@example.com", password: PASSWORD }],
    ["POST /v1/account/login", { email: EMAIL, password: PASSWORD }],
    ["POST /v1/account/password", { password: PASSWORD, newPassword: "battery staple" }],
    ["DELETE /v1/account/me", { password: PASSWORD }],
  ])("nor is anybody where %s may have been done", async (route, body) => {
    for (const layer of ["identity", "bff"] as const) {
      const { lost, ask, token } = await signedIn();
      lost.answerOf = layer;
      expect(await ask(route, body, token)).toMatchObject(UNKNOWN);
    }
  });
});

describe("where it is known that nothing was spent, the client is told when to come back", () => {
  it("the keys can't be read", async () => {
    const { slowness, refresh, refreshToken } = await signedIn();
    vi.advanceTimersByTime(KEYS_FORGOTTEN_MS);
    slowness.loses = true;
    expect(await refresh(refreshToken)).toMatchObject({ status: 503, retryAfter: "1" });
    slowness.loses = false;
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  it("the database is left alone for being ill", async () => {
    const { slowness, refresh, refreshToken } = await signedIn();
    slowness.loses = true;
    for (let number = 0; number < 30; number += 1) await refresh(`nobody's ${number}`);
    expect(await refresh(refreshToken)).toMatchObject({
      status: 503,
      body: { code: "CIRCUIT_OPEN" },
      retryAfter: expect.any(String),
    });
    slowness.loses = false;
    vi.advanceTimersByTime(10_000);
    expect((await refresh(refreshToken)).status).toBe(200);
  });
});
