import { beforeEach, describe, expect, it } from "vitest";
import { codeOf } from "../../src/contracts/errors.ts";
import { d1Accounts } from "../../src/identity/data/d1-accounts.ts";
import { meteredD1 } from "../../testbed/databases/metered-d1.ts";
import {
  accounts,
  operations,
  as,
  bearerOf,
  db,
  logIn,
  newAccount,
  operator,
  PASSWORD,
} from "./support/identity-worker.ts";

const OPERATOR = ["operator@example.com", "the operator's own"] as const;

async function admins(): Promise<string[]> {
  const { results } = await db
    .prepare(`SELECT id FROM account WHERE roles LIKE '%"admin"%'`)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** So many admins and no others, with their e-mails. */
async function onlyAdmins(count: number) {
  const made = [];
  for (let number = 0; number < count; number += 1) made.push(await newAccount());
  await db.prepare(`UPDATE account SET roles = '["user"]'`).run();
  for (const { userId } of made)
    await db.prepare(`UPDATE account SET roles = '["admin"]' WHERE id = ?`).bind(userId).run();
  return made;
}

const demote = (userId: string, actor = userId) =>
  operations.setRoles(as({ userId: actor, sessionId: "s", roles: ["admin"] }), userId, ["user"]).then(
    () => "done",
    (error: unknown) => codeOf(error),
  );

describe("the last admin", () => {
  beforeEach(
    async () => void (await db.prepare("DELETE FROM account WHERE email = ?").bind(OPERATOR[0]).run()),
  );

  it("can't take the role from themself, nor can anybody else, and nothing of it is written down", async () => {
    const [last = { userId: "", email: "" }] = await onlyAdmins(1);
    const grant = await logIn(last.email);
    expect([await demote(last.userId), await demote(last.userId, "op")]).toEqual(["CONFLICT", "CONFLICT"]);
    await expect(operations.setRoles(operator, last.userId, ["operator"])).rejects.toThrow("last admin");
    expect(await admins()).toEqual([last.userId]);
    const { results } = await db.prepare("SELECT 1 FROM audit WHERE target = ?").bind(last.userId).all();
    expect(results).toEqual([]);
    expect(await accounts.me(bearerOf(grant))).toMatchObject({ roles: ["admin"] });
    await expect(operations.setRoles(operator, last.userId, ["user", "admin"])).resolves.toMatchObject({
      roles: ["user", "admin"],
    });
  });

  it("is left by two who demote each other at once", async () => {
    const [ada = { userId: "" }, bob = { userId: "" }] = await onlyAdmins(2);
    const outcomes = await Promise.all([demote(ada.userId, bob.userId), demote(bob.userId, ada.userId)]);
    expect(outcomes.toSorted()).toEqual(["CONFLICT", "done"]);
    expect(await admins()).toHaveLength(1);
  });

  it("may go where the operator's secrets make another, and not where that e-mail is taken", async () => {
    const [free = { userId: "", email: "" }] = await onlyAdmins(1);
    await accounts.erase(bearerOf(await logIn(free.email)), PASSWORD);
    const first = await logIn(...OPERATOR);
    await accounts.erase(bearerOf(first), OPERATOR[1]);
    const second = await logIn(...OPERATOR);
    expect([second.roles, second.userId === first.userId]).toEqual([["admin"], false]);
    // The account of that e-mail is there, and an ordinary one by now.
    const [last = { userId: "", email: "" }] = await onlyAdmins(1);
    const grant = await logIn(last.email);
    await expect(accounts.erase(bearerOf(grant), "wrong")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(accounts.erase(bearerOf(grant), PASSWORD)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await accounts.me(bearerOf(grant))).toMatchObject({ userId: last.userId });
  });

  it("is looked for among the admins only, however many accounts there are", async () => {
    const [last = { userId: "" }] = await onlyAdmins(1);
    await db
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO account (id, email, password_hash, roles, created_at) SELECT 'crowd-' || i, 'crowd-' || i, 'h', '["user"]', 0 FROM n`,
      )
      .run();
    const { metered, rowsRead } = meteredD1(db);
    const audit = { id: crypto.randomUUID(), atMs: 1, actor: "op" };
    expect(await d1Accounts(metered).setRoles({ userId: last.userId, roles: ["user"], audit })).toBe(
      "last admin",
    );
    expect(rowsRead()).toBeLessThan(20);
  });
});
