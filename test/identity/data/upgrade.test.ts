import { describe, expect, it } from "vitest";
import { signingKeyAt } from "../../../src/identity/biz/signing-key-at.ts";
import { d1Accounts } from "../../../src/identity/data/d1-accounts.ts";
import { d1Cells } from "../../../src/identity/data/d1-cells.ts";
import { d1Erasures } from "../../../src/identity/data/d1-erasures.ts";
import { d1SigningKeys } from "../../../src/identity/data/d1-signing-keys.ts";
import { migrationsOf, migrationsAfter } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

/** As the release before writes it, which knows no digest. */
const account = (id: string): string =>
  `INSERT INTO account (id, email, password_hash, roles, created_at) VALUES ('${id}', '${id}@example.com', 'h', '["admin"]', 1)`;
const key = (kid: string, signsFrom: number, verifyUntil: string): string =>
  `INSERT INTO signing_key VALUES ('${kid}', '{"kid":"${kid}"}', 'sealed', 0, ${signsFrom}, ${verifyUntil})`;

describe("identity's database of the release before", () => {
  it("is served as it was, and goes on being written by that release beside this one", async () => {
    const db = sqliteD1(migrationsOf("identity", "0001"));
    db.sqlite.exec(account("old"));
    db.sqlite.exec(migrationsAfter("identity", "0001"));
    db.sqlite.exec(account("new"));
    const accounts = d1Accounts(db);
    for (const id of ["old", "new"])
      expect(await accounts.byEmail(`${id}@example.com`)).toMatchObject({ id, operatorDigest: null });
    const audit = { id: "a-1", atMs: 1, actor: "op" };
    expect(await accounts.setRoles({ userId: "old", roles: ["user"], audit })).toMatchObject({
      roles: ["user"],
    });
    expect(await accounts.setRoles({ userId: "new", roles: ["user"], audit: { ...audit, id: "a-2" } })).toBe(
      "last admin",
    );
  });

  it("has all its users in main, and so is whoever that release registers or erases beside this one", async () => {
    const db = sqliteD1(migrationsOf("identity", "0002"));
    db.sqlite.exec(account("old"));
    db.sqlite.exec(migrationsAfter("identity", "0002"));
    db.sqlite.exec(account("new"));
    const accounts = d1Accounts(db);
    for (const id of ["old", "new"])
      expect(await accounts.byEmail(`${id}@example.com`)).toMatchObject({ id, cell: null });
    expect(await d1Cells(db).inUse()).toEqual([]);
    db.sqlite.exec("INSERT INTO erasure (user_id, requested_at, attempts, next_at) VALUES ('gone', 1, 1, 2)");
    expect(await d1Erasures(db).due(10, 5)).toEqual([{ userId: "gone", cell: null, attempts: 1 }]);
  });

  it("has a retired key that begins to sign behind its successor, and that one doesn't sign", async () => {
    const db = sqliteD1(migrationsOf("identity"));
    for (const row of [
      key("first", 0, "500000"),
      key("overtaken", 9_000, "900000"),
      key("last", 8_000, "NULL"),
    ])
      db.sqlite.exec(row);
    const keys = await d1SigningKeys(db).live(10_000);
    expect(keys.map(({ kid }) => kid)).toEqual(["first", "last", "overtaken"]);
    expect(signingKeyAt(keys, 10_000)?.kid).toBe("last");
  });
});
