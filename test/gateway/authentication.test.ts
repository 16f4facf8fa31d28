import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { accessToken, testKey } from "../support/workers/ed25519.ts";
import { ROUTES } from "../../src/gateway/routes.ts";
import { snapshotOf, testGateway } from "../support/workers/test-gateway.ts";

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

describe("the gateway lets in", () => {
  it("a user with a good token, and hands them to the BFF", async () => {
    const { call, clock, identityKey, forwarded } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    expect((await call("/v1/history", bearer(token))).status).toBe(200);
    expect(forwarded[0]?.headers.get("x-internal-token")).toBeTruthy();
    expect(forwarded[0]?.headers.get("authorization")).toBeNull();
  });

  it.each(["BEARER ", "bearer ", "bEaReR    ", "Bearer  "])(
    "a token behind the scheme as anybody writes it: %j",
    async (scheme) => {
      const { call, clock, identityKey } = await testGateway();
      const token = await accessToken({ key: identityKey, nowMs: clock.now() });
      expect((await call("/v1/history", { headers: { authorization: scheme + token } })).status).toBe(200);
    },
  );

  it.each([-300_000, 300_000])("a fresh token of an identity whose clock is %d ms off", async (aheadMs) => {
    const { call, clock, identityKey } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() + aheadMs });
    expect((await call("/v1/history", bearer(token))).status).toBe(200);
  });

  it.each(["at+jwt", "application/at+jwt", "AT+JWT", "JWT"])(
    "a token of the kind %s, the last of which is that of the release before",
    async (type) => {
      const { call, clock, identityKey } = await testGateway();
      expect(
        (await call("/v1/history", bearer(await accessToken({ key: identityKey, nowMs: clock.now(), type }))))
          .status,
      ).toBe(200);
    },
  );

  it("a token signed by a key that was rotated in since the last pull", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    await call("/v1/history", bearer(await accessToken({ key: identityKey, nowMs: clock.now() })));
    const rotated = await testKey("identity-2");
    identity.snapshot = snapshotOf([identityKey.publicJwk, rotated.publicJwk]);
    clock.turn(1_500);
    expect(
      (await call("/v1/history", bearer(await accessToken({ key: rotated, nowMs: clock.now() })))).status,
    ).toBe(200);
  });

  it("known tokens while identity is away", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    await call("/v1/history", bearer(token));
    identity.failing = true;
    clock.turn(60_000);
    expect((await call("/v1/history", bearer(token))).status).toBe(200);
  });
});

describe("an identity that hangs", () => {
  it("holds up no request for longer than its budget allows", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    await call("/v1/history", bearer(token));
    identity.hanging = true;
    clock.turn(60_000);
    expect((await call("/v1/history", bearer(token))).status).toBe(200);
  });
});

describe("the gateway answers 401 to", () => {
  it("all spellings of a signature but the one, so that a token is remembered once", async () => {
    const { call, clock, identityKey } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(token.at(-1) ?? "");
    for (let spare = 1; spare < 16; spare += 1) {
      const spelling = token.slice(0, -1) + (alphabet[last + spare] ?? "");
      expect((await call("/v1/history", bearer(spelling))).status).toBe(401);
    }
    for (const padded of [`${token}=`, `${token}==`])
      expect((await call("/v1/history", bearer(padded))).status).toBe(401);
    expect((await call("/v1/history", bearer(token))).status).toBe(200);
  });

  it.each([
    ["an empty user", { userId: "" }],
    ["an empty session", { sessionId: "" }],
  ])("a token that names %s", async (_name, claims) => {
    const { call, clock, identityKey } = await testGateway();
    expect(
      (
        await call(
          "/v1/history",
          bearer(await accessToken({ key: identityKey, nowMs: clock.now(), ...claims })),
        )
      ).status,
    ).toBe(401);
  });

  it.each([
    ["no token at all", async () => ({})],
    ["another scheme", async () => ({ headers: { authorization: "Basic YTpi" } })],
    ["something that is no token", async () => bearer("a.b.c")],
    ["a token of 5,000 characters", async () => bearer("a".repeat(5_000))],
  ])("%s", async (_name, init) => {
    const { call } = await testGateway();
    const response = await call("/v1/history", await init());
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
    expect(await response.json()).toMatchObject({ code: "UNAUTHENTICATED", status: 401 });
  });

  it.each(["internal+jwt", "device+jwt", "jwt", "at", "", null])(
    "a token of the kind %j, in all else like a good one",
    async (type) => {
      const { call, clock, identityKey } = await testGateway();
      const response = await call(
        "/v1/history",
        bearer(await accessToken({ key: identityKey, nowMs: clock.now(), type })),
      );
      expect(response.status).toBe(401);
    },
  );

  it("a token that was tampered with", async () => {
    const { call, clock, identityKey } = await testGateway();
    const [header = "", payload = "", signature = ""] = (
      await accessToken({ key: identityKey, nowMs: clock.now() })
    ).split(".");
    const claims = JSON.parse(atob(payload)) as object;
    const forged = btoa(JSON.stringify({ ...claims, roles: ["admin"] })).replaceAll("=", "");
    expect((await call("/v1/history", bearer(`${header}.${forged}.${signature}`))).status).toBe(401);
  });

  it("an expired token, also one that was good a while ago", async () => {
    const { call, clock, identityKey } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now(), expiresInS: 60 });
    expect((await call("/v1/history", bearer(token))).status).toBe(200);
    clock.turn(70_000);
    expect((await call("/v1/history", bearer(token))).status).toBe(401);
  });

  it("a token for another audience, of another issuer, or signed by a foreign key under a known id", async () => {
    const { call, clock, identityKey } = await testGateway();
    const stranger = await testKey("identity-1");
    for (const token of [
      await accessToken({ key: identityKey, nowMs: clock.now(), audience: "elsewhere" }),
      await accessToken({ key: identityKey, nowMs: clock.now(), issuer: "elsewhere" }),
      await accessToken({ key: stranger, nowMs: clock.now() }),
    ]) {
      expect((await call("/v1/history", bearer(token))).status).toBe(401);
    }
  });

  it("a token without a signature, and one signed with the public key as an HMAC secret", async () => {
    const { call, clock, identityKey } = await testGateway();
    const claims = { roles: ["admin"], sid: "s-1" };
    const nowS = Math.floor(clock.now() / 1000);
    const unsigned = new UnsecuredJWT(claims)
      .setIssuer("playhead")
      .setAudience("playhead")
      .setSubject("ada")
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + 600)
      .encode();
    const hmac = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", kid: "identity-1" })
      .setIssuer("playhead")
      .setAudience("playhead")
      .setSubject("ada")
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + 600)
      .sign(new TextEncoder().encode(identityKey.publicJwk.x));
    for (const token of [unsigned, hmac]) expect((await call("/v1/history", bearer(token))).status).toBe(401);
  });

  it("a revoked session, within 15 s, though its token was verified before", async () => {
    const { call, clock, identity, identityKey, background } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now(), sessionId: "s-9" });
    expect((await call("/v1/history", bearer(token))).status).toBe(200);
    identity.snapshot = snapshotOf([identityKey.publicJwk], ["s-9"], clock.now());
    const revokedAt = clock.now();
    let status = 200;
    while (status === 200 && clock.now() - revokedAt < 15_000) {
      clock.turn(1_000);
      status = (await call("/v1/history", bearer(token))).status;
      await Promise.all(background);
    }
    expect(status).toBe(401);
  });

  it("a revoked session at the first request after a long idle time", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now(), sessionId: "s-9" });
    await call("/v1/history", bearer(token));
    identity.snapshot = snapshotOf([identityKey.publicJwk], ["s-9"], clock.now());
    clock.turn(300_000);
    expect((await call("/v1/history", bearer(token))).status).toBe(401);
  });
});

describe("the gateway asks identity", () => {
  it("not at every request", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    const token = await accessToken({ key: identityKey, nowMs: clock.now() });
    for (let count = 0; count < 50; count += 1) await call("/v1/history", bearer(token));
    expect(identity.pulls).toBe(1);
  });

  it("at most once a second for keys nobody knows", async () => {
    const { call, clock, identity } = await testGateway();
    const stranger = await testKey("nobody-knows-me");
    for (let count = 0; count < 30; count += 1) {
      clock.turn(100);
      await call("/v1/history", bearer(await accessToken({ key: stranger, nowMs: clock.now() })));
    }
    expect(identity.pulls).toBeLessThanOrEqual(4);
  });

  it("and answers 503 while it has never had a key", async () => {
    const { call, clock, identity, identityKey } = await testGateway();
    identity.failing = true;
    const response = await call(
      "/v1/history",
      bearer(await accessToken({ key: identityKey, nowMs: clock.now() })),
    );
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
  });
});

describe("roles", () => {
  it.each([
    [["user"], 403, 403],
    [["operator"], 200, 403],
    [["admin"], 200, 200],
    [["emperor"], 403, 403],
  ])("%j may read operations: %i, change them: %i", async (roles, read, change) => {
    const { call, clock, identityKey } = await testGateway();
    const init = bearer(await accessToken({ key: identityKey, nowMs: clock.now(), roles }));
    const answers: string[] = [];
    const wanted: string[] = [];
    for (const { path, methods } of ROUTES.filter((route) => route.upstream === "ops")) {
      for (const method of methods) {
        const { status } = await call(path.replaceAll(/:\w+/g, "x"), { ...init, method });
        answers.push(`${method} ${path}: ${status}`);
        // Nobody changes anything by reading.
        wanted.push(`${method} ${path}: ${method === "GET" ? read : change}`);
      }
    }
    expect(answers).toEqual(wanted);
  });
});
