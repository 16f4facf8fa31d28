import { describe, expect, it } from "vitest";
import type { Principal } from "../../../src/contracts/call-context.ts";
import { AccountBook } from "../../../src/identity/biz/account-book.ts";
import { PasswordCheck } from "../../../src/identity/biz/password-check.ts";
import type { Account, AccountStore } from "../../../src/identity/biz/ports.ts";
import { operatorSecret } from "../../../src/identity/data/operator-secret.ts";
import { CountingHasher, plainSecrets } from "../support/plain-parts.ts";

const OPERATOR = "op@example.com";
const ADA: Account = {
  id: "ada",
  email: "ada@example.com",
  passwordHash: "plain:right",
  roles: ["user"],
  createdAtMs: 1,
};
const CALLER: Principal = { userId: "ada", sessionId: "s-1", roles: ["user"] };
const ADDRESS = "192.0.2.1";

/** A book over one account that writes down every statement, hash and count. */
function bookWith({ accounts = [ADA] as readonly Account[] } = {}) {
  const did: string[] = [];
  const hasher = new CountingHasher();
  const store = {
    byEmail: async (email: string) => {
      did.push("byEmail");
      return accounts.find((account) => account.email === email) ?? null;
    },
    byId: async (id: string) => accounts.find((account) => account.id === id) ?? null,
    add: async () => {
      did.push("add");
      return true;
    },
    changePassword: async () => true,
    erase: async () => true,
  } as unknown as AccountStore;
  const lane = {
    run: async <T>(owner: string, work: () => Promise<T>): Promise<T> => {
      did.push(`turn of ${owner}`);
      return work();
    },
  };
  const failures = {
    ofSession: (sessionId: string) => ({
      refuseKnown: () => undefined,
      begin: async () => {
        did.push(`counted for ${sessionId}`);
        return { giveBack: async () => void did.push(`given back to ${sessionId}`) };
      },
    }),
  };
  const operator = operatorSecret({
    email: OPERATOR,
    password: "the operator's own",
    sealing: [new Uint8Array(32)],
  });
  const book = new AccountBook({
    store,
    passwords: new PasswordCheck({ hasher, lane }),
    failures,
    operator,
    secrets: plainSecrets,
    homeOf: () => null,
    now: () => 1,
  });
  const workFor = async (email: string) => {
    did.length = 0;
    hasher.derivations = 0;
    const outcome = await book.register({ email, password: "a new password" }, ADDRESS).then(
      () => "registered",
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    );
    return { outcome, did: [...did], hashes: hasher.derivations };
  };
  return { book, did, hasher, workFor };
}

describe("registration", () => {
  it("does the same work and gives the same answer for an e-mail that is taken and the operator's, whether or not that account exists", async () => {
    const { workFor } = bookWith();
    const taken = await workFor(ADA.email);
    expect(taken).toEqual({
      outcome: "CONFLICT: The e-mail is taken",
      did: [`turn of ${ADDRESS}`, "byEmail"],
      hashes: 1,
    });
    expect(await workFor(OPERATOR)).toEqual(taken);
    const withOperator = bookWith({ accounts: [ADA, { ...ADA, id: "op", email: OPERATOR }] });
    expect(await withOperator.workFor(OPERATOR)).toEqual(taken);
  });

  it("hashes once, in the lane", async () => {
    const { workFor } = bookWith();
    expect(await workFor("eve@example.com")).toEqual({
      outcome: "registered",
      did: [`turn of ${ADDRESS}`, "byEmail", "add"],
      hashes: 1,
    });
  });
});

const DOORS = {
  "a password change": (book: AccountBook, password: string) =>
    book.changePassword(CALLER, { password, newPassword: "a new password" }),
  "an erasure": (book: AccountBook, password: string) => book.erase(CALLER, password),
} as const;

describe.each(Object.entries(DOORS))("%s", (_name, door) => {
  it("with a wrong present password is one of the session's failures, in the account's turn", async () => {
    const { book, did } = bookWith();
    await expect(door(book, "wrong")).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      message: "The password is wrong",
    });
    expect(did).toEqual(["turn of ada", "counted for s-1"]);
  });

  it("with the right one costs nothing, and has one turn for all that it hashes", async () => {
    const { book, did } = bookWith();
    await door(book, "right");
    expect(did).toEqual(["turn of ada", "counted for s-1", "given back to s-1"]);
  });
});
