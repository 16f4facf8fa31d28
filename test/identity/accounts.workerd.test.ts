import { decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { codeOf } from "../../src/contracts/errors.ts";
import {
  accounts,
  anyone,
  as,
  bearerOf,
  db,
  logIn,
  newAccount,
  PASSWORD,
  revokedSessions,
  sessionOf,
  stolenDatabase,
  verified,
} from "./support/identity-worker.ts";

const refused = { code: "UNAUTHENTICATED" };

describe("registration", () => {
  it("makes a user who can log in and look at themselves", async () => {
    const { email, userId } = await newAccount();
    const grant = await logIn(email);
    expect(grant).toMatchObject({ tokenType: "Bearer", expiresIn: 600, userId, roles: ["user"] });
    expect(userId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const profile = await accounts.me(bearerOf(grant));
    expect(profile).toEqual({ userId, email, roles: ["user"], createdAt: expect.any(Number) });
    expect(await verified(grant)).toMatchObject({ sub: userId, sid: sessionOf(grant), roles: ["user"] });
    expect(decodeProtectedHeader(grant.accessToken)).toMatchObject({
      typ: "at+jwt",
      alg: "EdDSA",
      kid: expect.any(String),
    });
  });

  it("takes an e-mail once, whatever its case and however many ask at once", async () => {
    const email = `race-${crypto.randomUUID()}@example.com`;
    const spellings = [email, email.toUpperCase(), ` ${email} `];
    const outcomes = await Promise.allSettled(
      spellings.map((spelling) => accounts.register(anyone, { email: spelling, password: PASSWORD })),
    );
    const codes = outcomes.map((outcome) =>
      outcome.status === "rejected" ? codeOf(outcome.reason) : "taken by this one",
    );
    expect(codes.sort()).toEqual(["CONFLICT", "CONFLICT", "taken by this one"]);
    await expect(logIn(email.toUpperCase())).resolves.toMatchObject({ roles: ["user"] });
  });

  it("refuses the operator's e-mail before and after that account exists", async () => {
    const attempt = () => accounts.register(anyone, { email: "OPERATOR@example.com", password: PASSWORD });
    await expect(attempt()).rejects.toMatchObject({ code: "CONFLICT" });
    const [one, other] = await Promise.all([
      logIn("operator@EXAMPLE.com", "the operator's own"),
      logIn("operator@example.com", "the operator's own"),
    ]);
    expect([one.roles, other.userId]).toEqual([["admin"], one.userId]);
    await expect(attempt()).rejects.toMatchObject({ code: "CONFLICT" });
  });
});

describe("login", () => {
  it("answers the same for a wrong password and an unknown e-mail", async () => {
    const { email } = await newAccount();
    const reasons = await Promise.allSettled([logIn(email, "wrong"), logIn("nobody@example.com")]);
    const messages = reasons.map((reason) =>
      reason.status === "rejected" ? String(reason.reason.message) : "let in",
    );
    expect(messages).toEqual(["E-mail or password is wrong", "E-mail or password is wrong"]);
  });
});

describe("logout", () => {
  it("ends its own session and no other, and may be repeated", async () => {
    const { email } = await newAccount();
    const [ended, other] = [await logIn(email), await logIn(email)];
    await accounts.logout(bearerOf(ended));
    await accounts.logout(bearerOf(ended));
    await expect(accounts.refresh(anyone, ended.refreshToken)).rejects.toMatchObject(refused);
    await expect(accounts.refresh(anyone, other.refreshToken)).resolves.toMatchObject({
      userId: other.userId,
    });
    const revoked = await revokedSessions();
    expect([revoked.includes(sessionOf(ended)), revoked.includes(sessionOf(other))]).toEqual([true, false]);
  });

  it("cannot end somebody else's session", async () => {
    const [ada, bob] = [await logIn((await newAccount()).email), await logIn((await newAccount()).email)];
    await accounts.logout(as({ userId: bob.userId, sessionId: sessionOf(ada), roles: ["user"] }));
    await expect(accounts.refresh(anyone, ada.refreshToken)).resolves.toMatchObject({ userId: ada.userId });
  });
});

describe("a password change", () => {
  it("ends all other sessions, keeps its own, and the old password is worth nothing", async () => {
    const { email } = await newAccount();
    const [own, ...others] = [await logIn(email), await logIn(email), await logIn(email)];
    await accounts.changePassword(bearerOf(own), { password: PASSWORD, newPassword: "battery staple" });
    const revoked = await revokedSessions();
    for (const other of others) {
      expect(revoked).toContain(sessionOf(other));
      await expect(accounts.refresh(anyone, other.refreshToken)).rejects.toMatchObject(refused);
    }
    expect(revoked).not.toContain(sessionOf(own));
    await expect(accounts.refresh(anyone, own.refreshToken)).resolves.toMatchObject({ userId: own.userId });
    await expect(logIn(email)).rejects.toMatchObject(refused);
    await expect(logIn(email, "battery staple")).resolves.toMatchObject({ userId: own.userId });
  });

  it("with the wrong present password changes and ends nothing", async () => {
    const { email } = await newAccount();
    const [own, other] = [await logIn(email), await logIn(email)];
    await expect(
      accounts.changePassword(bearerOf(own), { password: "wrong", newPassword: "battery staple" }),
    ).rejects.toMatchObject(refused);
    await expect(accounts.refresh(anyone, other.refreshToken)).resolves.toBeDefined();
    await expect(logIn(email)).resolves.toBeDefined();
  });

  it("is won by one of two that come at once", async () => {
    const { email } = await newAccount();
    const own = await logIn(email);
    const change = (newPassword: string) =>
      accounts.changePassword(bearerOf(own), { password: PASSWORD, newPassword });
    const outcomes = await Promise.allSettled([change("battery staple"), change("another staple")]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

describe("every method about the caller", () => {
  it("refuses nobody, and somebody whose account is gone", async () => {
    for (const ctx of [anyone, as({ userId: crypto.randomUUID(), sessionId: "s", roles: ["user"] })]) {
      await expect(accounts.me(ctx)).rejects.toMatchObject(refused);
      await expect(accounts.logout(ctx)).rejects.toMatchObject(refused);
      await expect(
        accounts.changePassword(ctx, { password: PASSWORD, newPassword: PASSWORD }),
      ).rejects.toMatchObject(refused);
      await expect(accounts.erase(ctx, PASSWORD)).rejects.toMatchObject(refused);
    }
  });
});

describe("the database", () => {
  it("gives a thief neither a password nor a refresh token nor a signing key", async () => {
    const { email } = await newAccount();
    const first = await logIn(email);
    const second = await accounts.refresh(anyone, first.refreshToken);
    const stolen = await stolenDatabase();
    for (const secret of [PASSWORD, first.refreshToken, second.refreshToken, first.accessToken])
      expect(stolen).not.toContain(secret);
    const { results } = await db
      .prepare("SELECT public_jwk, sealed_private_key FROM signing_key")
      .all<Record<string, string>>();
    expect(results.length).toBeGreaterThan(0);
    for (const { public_jwk = "", sealed_private_key = "" } of results) {
      expect(JSON.parse(public_jwk)).not.toHaveProperty("d");
      const bytes = Uint8Array.from(
        atob(sealed_private_key.replaceAll("-", "+").replaceAll("_", "/")),
        (char) => char.charCodeAt(0),
      );
      // The DER prefix of every PKCS #8 Ed25519 key would show here if it were not sealed.
      expect([...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")).not.toContain(
        "06032b6570",
      );
    }
  });

  it("answers readiness", async () => {
    await expect(accounts.ready(anyone)).resolves.toBeUndefined();
  });
});
