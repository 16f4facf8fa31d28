import { exports } from "cloudflare:workers";
import { decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import type { IdentityOperations } from "../../src/contracts/identity.ts";
import { REVOCATIONS_PER_PULL_MAX } from "../../src/contracts/revocations-per-pull.ts";
import { plainPromises } from "../support/workers/plain-promises.ts";
import {
  accounts,
  operations,
  anyone,
  bearerOf,
  db,
  logIn,
  newAccount,
  operator,
  PASSWORD,
  revokedSessions,
  sessionOf,
  trust,
  verified,
} from "./support/identity-worker.ts";

const auditOf = async (action: string, target: string) =>
  (
    await db
      .prepare("SELECT actor, detail FROM audit WHERE action = ? AND target = ?")
      .bind(action, target)
      .all()
  ).results;

describe("an account's state", () => {
  it("is open, then erased for good, and unknown where there never was one; ids mean the same in capitals", async () => {
    const { email, userId } = await newAccount();
    expect(await operations.accountState(operator, userId.toUpperCase())).toBe("open");
    await accounts.erase(bearerOf(await logIn(email)), PASSWORD);
    expect(await operations.accountState(operator, userId)).toBe("erased");
    expect(await operations.accountState(operator, "00000000-0000-0000-0000-000000000000")).toBeNull();
    expect(await operations.accountState(operator, crypto.randomUUID())).toBeNull();
  });
});

describe("a role change", () => {
  it("counts from the next login, ends all sessions, and is written down", async () => {
    const { email, userId } = await newAccount();
    const before = [await logIn(email), await logIn(email)];
    const profile = await operations.setRoles(operator, userId, ["operator", "user", "operator"]);
    expect(profile).toMatchObject({ userId, email, roles: ["user", "operator"] });
    const revoked = await revokedSessions();
    for (const grant of before) {
      expect(revoked).toContain(sessionOf(grant));
      await expect(accounts.refresh(anyone, grant.refreshToken)).rejects.toMatchObject({
        code: "UNAUTHENTICATED",
      });
    }
    expect(await verified(await logIn(email))).toMatchObject({ roles: ["user", "operator"] });
    expect(await auditOf("set-roles", userId)).toEqual([
      { actor: "op", detail: '{"from":["user"],"to":["user","operator"]}' },
    ]);
  });

  it("of somebody unknown is NOT_FOUND and leaves no trace", async () => {
    const userId = crypto.randomUUID();
    await expect(operations.setRoles(operator, userId, ["admin"])).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    expect(await auditOf("set-roles", userId)).toEqual([]);
  });

  it("needs a name to be written down under", async () => {
    const { userId } = await newAccount();
    await expect(operations.setRoles(anyone, userId, ["admin"])).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    await expect(operations.rotateKeys(anyone)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("that ends thousands of sessions in one moment reaches a gateway page by page, each once", async () => {
    const { userId } = await newAccount();
    const sessions = 2 * REVOCATIONS_PER_PULL_MAX + 500;
    await db
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         INSERT INTO session (id, account_id, created_at, expires_at) SELECT 'crowd-' || i, ?1, 0, 9e15 FROM n`,
      )
      .bind(userId, sessions)
      .run();
    await operations.setRoles(operator, userId, ["user"]);
    const crowd = (await revokedSessions()).filter((id) => id.startsWith("crowd-"));
    expect(crowd).toHaveLength(sessions);
    expect(new Set(crowd).size).toBe(sessions);
  });
});

describe("a key rotation", () => {
  it("announces a key that does not sign yet, keeps the old one, and is written down", async () => {
    const { email } = await newAccount();
    const before = await logIn(email);
    const askedAtMs = Date.now();
    const { kid, signsFromMs } = await operations.rotateKeys(operator);
    expect(signsFromMs).toBeGreaterThanOrEqual(askedAtMs + 15_000);
    const { keys } = await trust.snapshot(anyone, 0);
    expect(keys.map((key) => key.kid)).toEqual([decodeProtectedHeader(before.accessToken).kid, kid]);
    const after = await logIn(email);
    expect(decodeProtectedHeader(after.accessToken).kid).not.toBe(kid);
    await Promise.all([verified(before), verified(after)]);
    expect(await auditOf("rotate-keys", kid)).toEqual([
      { actor: "op", detail: JSON.stringify({ signsFromMs }) },
    ]);
  });

  it("is in the audit trail, which is read newest first, page by page", async () => {
    const { userId } = await newAccount();
    for (const roles of [["operator"], ["user"]] as const) await operations.setRoles(operator, userId, roles);
    const [last, before] = await operations.audit(operator, { limit: 2 });
    expect(last).toMatchObject({
      actor: "op",
      action: "set-roles",
      target: userId,
      detail: { from: ["operator"], to: ["user"] },
    });
    expect(before).toMatchObject({
      action: "set-roles",
      target: userId,
      detail: { from: ["user"], to: ["operator"] },
    });
    expect(await operations.audit(operator, { limit: 1, cursor: last?.id })).toEqual([before]);
  });

  it("is refused while four keys live", async () => {
    for (;;) {
      const { keys } = await trust.snapshot(anyone, 0);
      if (keys.length === 4) break;
      await operations.rotateKeys(operator);
    }
    await expect(operations.rotateKeys(operator)).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await operations.overview(anyone)).signingKeys).toBe(4);
  });
});

describe("an ops BFF of the release before", () => {
  it("reaches the same methods under the name that it knows them by", async () => {
    const { Administration } = exports as unknown as { readonly Administration: IdentityOperations };
    const asBefore = plainPromises(Administration);
    const overview = await asBefore.overview(anyone);
    expect(overview).toEqual(await operations.overview(anyone));
    await expect(asBefore.rotateKeys(anyone)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });
});

describe("the overview", () => {
  it("counts what there is", async () => {
    const before = await operations.overview(anyone);
    const { email } = await newAccount();
    await logIn(email);
    const after = await operations.overview(anyone);
    expect([after.accounts - before.accounts, after.activeSessions - before.activeSessions]).toEqual([1, 1]);
    await expect(operations.ready(anyone)).resolves.toBeUndefined();
  });
});
