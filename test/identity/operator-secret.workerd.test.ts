import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { wire } from "../../src/identity/wire.ts";
import type { TokenGrant } from "../../src/contracts/identity.ts";
import { codeOf } from "../../src/contracts/errors.ts";
import {
  accounts,
  anyone,
  bearerOf,
  db,
  logIn,
  newAccount,
  PASSWORD,
  revokedSessions,
  sessionOf,
  stolenDatabase,
} from "./support/identity-worker.ts";

const EMAIL = "operator@example.com";
const OLD = "the operator's own";
const NEW = "the next operator's own";

/** Another deployment of the same worker on the same database, with other secrets. */
const deployedWith = (secrets: Readonly<Record<string, string>>) => wire({ ...env, ...secrets });

const outcome = (login: Promise<TokenGrant>): Promise<string> =>
  login.then(
    () => "in",
    (error: unknown) => codeOf(error),
  );

describe("ADMIN_PASSWORD, changed after the operator's account was made", () => {
  it("lets the operator in, and neither the old one nor its sessions are worth anything", async () => {
    const before = await logIn(EMAIL, OLD);
    const { signIn } = deployedWith({ ADMIN_PASSWORD: NEW });
    expect(await outcome(signIn({ email: EMAIL, password: OLD }, "192.0.2.1"))).toBe("UNAUTHENTICATED");
    expect(await revokedSessions()).toContain(sessionOf(before));
    await expect(accounts.refresh(anyone, before.refreshToken)).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    const after = await signIn({ email: EMAIL, password: NEW }, "192.0.2.1");
    expect([after.userId, after.roles]).toEqual([before.userId, ["admin"]]);
    expect(await outcome(signIn({ email: EMAIL, password: NEW }, "192.0.2.1"))).toBe("in");
    expect(await outcome(signIn({ email: EMAIL, password: OLD }, "192.0.2.1"))).toBe("UNAUTHENTICATED");
    expect(await accounts.me(bearerOf(after))).toMatchObject({ email: EMAIL });
    const stolen = await stolenDatabase();
    for (const secret of [OLD, NEW]) expect(stolen).not.toContain(secret);
  });
});

describe("KEY_ENCRYPTION_KEY, changed", () => {
  const [SEALS_NOW, SEALED_NEXT] = [7, 9].map((byte) =>
    btoa(String.fromCharCode(...new Uint8Array(32).fill(byte))).replaceAll("=", ""),
  );

  it("locks nobody out: a new key is made at the first login, and the old one verifies what it signed", async () => {
    const before = await logIn(EMAIL, NEW).catch(() => logIn(EMAIL, OLD));
    // Made a while ago, as keys are whose secret is changed.
    await db.prepare("UPDATE signing_key SET created_at = created_at - 60000").run();
    const next = deployedWith({ KEY_ENCRYPTION_KEY: SEALED_NEXT ?? "", ADMIN_PASSWORD: "" });
    const { email } = await newAccount();
    const grant = await next.signIn({ email, password: PASSWORD }, "192.0.2.2");
    expect(bearerOf(grant).principal?.roles).toEqual(["user"]);
    const kids = (await next.keys.publicKeys()).map(({ kid }) => kid);
    expect(kids).toHaveLength(2);
    const { results } = await db
      .prepare("SELECT actor, action, target FROM audit WHERE action = 'replace-keys'")
      .all();
    expect(results).toEqual([{ actor: "system", action: "replace-keys", target: kids[1] }]);
    const both = deployedWith({ KEY_ENCRYPTION_KEY: `${SEALED_NEXT},${SEALS_NOW}`, ADMIN_PASSWORD: "" });
    for (const { refreshToken, userId } of [before, grant])
      expect(await both.sessions.refresh(refreshToken)).toMatchObject({ userId });
    expect(await both.keys.publicKeys()).toHaveLength(2);
  });

  it("without the one before in the list believes no refresh token that it has made, and ends no session by that", async () => {
    const { refreshToken, userId } = await logIn((await newAccount()).email);
    const without = deployedWith({ KEY_ENCRYPTION_KEY: SEALED_NEXT ?? "", ADMIN_PASSWORD: "" });
    await expect(without.sessions.refresh(refreshToken)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const withIt = deployedWith({ KEY_ENCRYPTION_KEY: `${SEALED_NEXT},${SEALS_NOW}`, ADMIN_PASSWORD: "" });
    expect(await withIt.sessions.refresh(refreshToken)).toMatchObject({ userId });
  });
});
