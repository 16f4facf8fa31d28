import { describe, expect, it } from "vitest";
import { operatorWorld, OPERATOR_EMAIL, sealingKeys } from "../support/operator-world.ts";
import { migrationsOf, migrationsAfter } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

const FIRST = "the first operator's";
const SECOND = "the second operator's";
const OWN = "a password of my own";
const [K1 = new Uint8Array(), K2 = new Uint8Array(), K3 = new Uint8Array()] = sealingKeys;

/** As an earlier release has made the account, or a user by registering. */
function storedBefore(roles: string, password = FIRST) {
  const db = sqliteD1(migrationsOf("identity", "0001"));
  const insert = "INSERT INTO account (id, email, password_hash, roles, created_at) VALUES (?, ?, ?, ?, 1)";
  db.sqlite.prepare(insert).run("old", OPERATOR_EMAIL, `plain:${password}`, roles);
  db.sqlite.exec(migrationsAfter("identity", "0001"));
  return operatorWorld(db);
}

describe("a changed ADMIN_PASSWORD", () => {
  it("is what the operator signs in with, and the one before is worth nothing, whichever comes first", async () => {
    for (const order of [
      [SECOND, FIRST],
      [FIRST, SECOND],
    ]) {
      const { isolate, accounts } = operatorWorld();
      expect(await isolate({ password: FIRST }).logIn(FIRST)).toEqual(["in", 1]);
      const before = await accounts.byEmail(OPERATOR_EMAIL);
      const { logIn } = isolate({ password: SECOND });
      const outcomes = new Map<string, string>();
      for (const presented of order) outcomes.set(presented, (await logIn(presented))[0]);
      expect([outcomes.get(SECOND), outcomes.get(FIRST)]).toEqual(["in", "UNAUTHENTICATED"]);
      expect(await accounts.byEmail(OPERATOR_EMAIL)).toMatchObject({ id: before?.id, roles: ["admin"] });
    }
  });

  it("ends all sessions at any login for that e-mail, also one with a wrong password, and is on record once", async () => {
    const { isolate, db, accounts, audit } = operatorWorld();
    await isolate({ password: FIRST }).logIn(FIRST);
    const { id = "" } = (await accounts.byEmail(OPERATOR_EMAIL)) ?? {};
    const add = "INSERT INTO session (id, account_id, created_at, expires_at) VALUES (?, ?, 1, 9e15)";
    for (const session of ["s1", "s2"]) db.sqlite.prepare(add).run(session, id);
    db.sqlite.prepare(add).run("somebody else's", "ada");
    const { logIn } = isolate({ password: SECOND });
    expect(await logIn("wrong")).toEqual(["UNAUTHENTICATED", 1]);
    await logIn("wrong");
    const reasons = db.sqlite.prepare("SELECT id, revoke_reason AS why FROM session ORDER BY id").all();
    expect(reasons.map((row) => ({ ...row }))).toEqual([
      { id: "s1", why: "secret" },
      { id: "s2", why: "secret" },
      { id: "somebody else's", why: null },
    ]);
    expect(audit()).toEqual([{ actor: "secret", action: "apply-secret", target: id, detail: "{}" }]);
  });

  it("costs a stranger's login the same one derivation before, while and after it is applied", async () => {
    const { isolate } = operatorWorld();
    await isolate({ password: FIRST }).logIn(FIRST);
    const { logIn } = isolate({ password: SECOND });
    for (let login = 0; login < 3; login += 1) expect(await logIn("wrong")).toEqual(["UNAUTHENTICATED", 1]);
    expect(await logIn("wrong", "nobody@example.com")).toEqual(["UNAUTHENTICATED", 1]);
    await logIn(SECOND);
    expect([await logIn("wrong"), await logIn(SECOND)]).toEqual([
      ["UNAUTHENTICATED", 1],
      ["in", 1],
    ]);
  });

  it("takes the place of a password that the operator chose, which until then holds alone", async () => {
    const { isolate, accounts } = operatorWorld();
    const { logIn } = isolate({ password: FIRST });
    await logIn(FIRST);
    const { id = "", passwordHash = "" } = (await accounts.byEmail(OPERATOR_EMAIL)) ?? {};
    await accounts.changePassword({
      userId: id,
      knownHash: passwordHash,
      newHash: `plain:${OWN}`,
      keepSessionId: "",
      nowMs: 1,
    });
    expect([(await logIn(OWN))[0], (await logIn(FIRST))[0]]).toEqual(["in", "UNAUTHENTICATED"]);
    const next = isolate({ password: SECOND });
    expect([(await next.logIn(OWN))[0], (await next.logIn(SECOND))[0]]).toEqual(["UNAUTHENTICATED", "in"]);
  });

  it("is applied once though many logins come at once, and all with the new one are let in", async () => {
    const { isolate, audit } = operatorWorld();
    await isolate({ password: FIRST }).logIn(FIRST);
    const { logIn } = isolate({ password: SECOND });
    const outcomes = await Promise.all(
      [SECOND, FIRST, SECOND, "wrong", SECOND].map((presented) => logIn(presented)),
    );
    expect(outcomes.map(([outcome]) => outcome)).toEqual([
      "in",
      "UNAUTHENTICATED",
      "in",
      "UNAUTHENTICATED",
      "in",
    ]);
    expect(audit()).toHaveLength(1);
  });

  it("lets nobody in by a password that was changed in the very moment", async () => {
    const { isolate, accounts } = operatorWorld();
    await isolate({ password: FIRST }).logIn(FIRST);
    const { id = "", passwordHash = "" } = (await accounts.byEmail(OPERATOR_EMAIL)) ?? {};
    const apply = accounts.applySecret.bind(accounts);
    let meanwhile = 0;
    accounts.applySecret = async (application) => {
      if ((meanwhile += 1) === 1) {
        await accounts.changePassword({
          userId: id,
          knownHash: passwordHash,
          newHash: `plain:${OWN}`,
          keepSessionId: "",
          nowMs: 1,
        });
      }
      return apply(application);
    };
    expect((await isolate({ password: SECOND }).logIn(OWN))[0]).toBe("UNAUTHENTICATED");
  });
});

describe("while an isolate with the secret before is still there", () => {
  it("no password of the one secret is kept for that of the other, whoever comes in between", async () => {
    const { isolate, accounts } = operatorWorld();
    const before = isolate({ password: FIRST });
    const now = isolate({ password: SECOND });
    await before.logIn(FIRST);
    await now.logIn(SECOND);
    const replace = accounts.replaceHash.bind(accounts);
    accounts.replaceHash = async (change) => {
      accounts.replaceHash = replace;
      await now.logIn("wrong");
      return replace(change);
    };
    await before.logIn(FIRST);
    expect([(await now.logIn(FIRST))[0], (await now.logIn(SECOND))[0]]).toEqual(["UNAUTHENTICATED", "in"]);
  });
});

describe("an account without a digest", () => {
  it("of yesterday's operator takes the secret it was made with for the applied one, and the next change counts", async () => {
    const { isolate, unapplied } = storedBefore('["admin"]');
    expect(await isolate({ password: FIRST }).logIn(FIRST)).toEqual(["in", 1]);
    const { logIn } = isolate({ password: SECOND });
    expect([(await logIn(FIRST))[0], (await logIn(SECOND))[0], unapplied]).toEqual([
      "UNAUTHENTICATED",
      "in",
      [],
    ]);
  });

  it("keeps its password where the secret is another already, and the log is told once", async () => {
    const { isolate, unapplied, digest } = storedBefore('["admin"]');
    const { logIn } = isolate({ password: SECOND });
    expect([(await logIn(SECOND))[0], (await logIn(FIRST))[0], await digest()]).toEqual([
      "UNAUTHENTICATED",
      "in",
      null,
    ]);
    expect(unapplied).toEqual(["old"]);
  });

  it("of a user who had that e-mail first is neither promoted nor taken over, even with that password", async () => {
    const { isolate, accounts, digest } = storedBefore('["user"]');
    expect((await isolate({ password: FIRST }).logIn(FIRST))[0]).toBe("in");
    expect([await digest(), (await isolate({ password: SECOND }).logIn(SECOND))[0]]).toEqual([
      null,
      "UNAUTHENTICATED",
    ]);
    expect((await accounts.byEmail(OPERATOR_EMAIL))?.roles).toEqual(["user"]);
  });
});

describe("the digest's key", () => {
  it("may change while the old one is given: nothing is reset, and the digest moves to the new one", async () => {
    const { isolate, audit } = operatorWorld();
    await isolate({ password: FIRST, sealing: [K1] }).logIn(FIRST);
    await isolate({ password: FIRST, sealing: [K2, K1] }).logIn("wrong");
    const { logIn } = isolate({ password: SECOND, sealing: [K3, K2] });
    expect([(await logIn(FIRST))[0], (await logIn(SECOND))[0]]).toEqual(["UNAUTHENTICATED", "in"]);
    expect(audit()).toHaveLength(1);
  });

  it("that is gone resets no password of the operator's own; the secret itself brings a new digest", async () => {
    const { isolate, unapplied, digest } = operatorWorld();
    await isolate({ password: FIRST, sealing: [K1] }).logIn(FIRST);
    const kept = await digest();
    const { logIn } = isolate({ password: FIRST, sealing: [K2] });
    expect([(await logIn("wrong"))[0], await digest(), unapplied.length]).toEqual([
      "UNAUTHENTICATED",
      kept,
      1,
    ]);
    expect((await logIn(FIRST))[0]).toBe("in");
    expect(await digest()).not.toBe(kept);
    expect((await isolate({ password: SECOND, sealing: [K2] }).logIn(FIRST))[0]).toBe("UNAUTHENTICATED");
  });

  it("keeps a thief of the table from guessing: the digest is neither the password's hash nor another platform's", async () => {
    const digests = await Promise.all(
      [K1, K2].map(async (key) => {
        const { isolate, digest } = operatorWorld();
        await isolate({ password: FIRST, sealing: [key] }).logIn(FIRST);
        return digest();
      }),
    );
    expect(new Set(digests).size).toBe(2);
    for (const digest of digests) expect(digest).toMatch(/^[A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]{43}$/);
  });
});
