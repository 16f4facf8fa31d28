import { describe, expect, it } from "vitest";
import type { LoginInput, TokenGrant } from "../../../src/contracts/identity.ts";
import type { Account, AccountStore, DeviceTokens } from "../../../src/identity/biz/ports.ts";
import { OperatorAccount } from "../../../src/identity/biz/operator-account.ts";
import { PasswordCheck } from "../../../src/identity/biz/password-check.ts";
import { createSignIn } from "../../../src/identity/biz/sign-in.ts";
import { operatorSecret as secretOf } from "../../../src/identity/data/operator-secret.ts";
import { MemoryAccounts } from "../support/memory-stores.ts";
import { CountingHasher, plainSecrets } from "../support/plain-parts.ts";

const operatorSecret = (email: string, password: string) =>
  secretOf({ email, password, sealing: [new Uint8Array(32)] });

const OPERATOR = { email: "op@example.com", password: "the operator's own" };

function account(email: string, password: string, id = "ada"): Account {
  return { id, email, passwordHash: `plain:${password}`, roles: ["user"], createdAtMs: 1 };
}

/** Device tokens that can be read: `tv of ada`. */
const plainDevices: DeviceTokens = {
  read: async (token, known) => {
    const [deviceId = "", owner] = (token ?? "").split(" of ");
    return known !== null && owner === known.id ? { userId: known.id, deviceId } : null;
  },
  issue: async ({ id }, device) => `${device?.deviceId ?? "new"} of ${id}`,
};

function signInWith({ operator = operatorSecret(OPERATOR.email, OPERATOR.password) } = {}) {
  const accounts = new MemoryAccounts();
  const hasher = new CountingHasher();
  const begun: string[] = [];
  const given: string[] = [];
  const sessions = { failing: false };
  const owners: string[] = [];
  const store = accounts as unknown as AccountStore;
  const signIn = createSignIn({
    accounts: store,
    passwords: new PasswordCheck({
      hasher,
      lane: {
        run: async (owner, work) => {
          owners.push(owner);
          return work();
        },
      },
    }),
    operator,
    operatorAccount: new OperatorAccount({
      accounts: store,
      operator,
      secrets: plainSecrets,
      now: () => 1,
      onUnapplied: () => undefined,
    }),
    sessions: {
      open: async ({ id, roles }) => {
        if (sessions.failing) throw new Error("the database is away");
        return { userId: id, roles } as TokenGrant;
      },
    },
    failures: {
      ofLogin: async ({ email, clientAddress, device }) => ({
        refuseKnown: () => undefined,
        begin: async () => {
          begun.push(`${email} ${clientAddress} ${device?.deviceId ?? "stranger"}`);
          return { giveBack: async () => void given.push(email) };
        },
      }),
    },
    devices: plainDevices,
  });
  return {
    accounts,
    hasher,
    begun,
    given,
    sessions,
    owners,
    signIn: (input: LoginInput) => signIn(input, "192.0.2.1"),
  };
}

describe("login", () => {
  it("derives one key whether e-mail, password or nothing is wrong", async () => {
    const { accounts, hasher, signIn } = signInWith();
    accounts.accounts.set("ada@example.com", account("ada@example.com", "right"));
    for (const input of [
      { email: "nobody@example.com", password: "right" },
      { email: "ada@example.com", password: "wrong" },
      { email: OPERATOR.email, password: "wrong" },
    ]) {
      hasher.derivations = 0;
      await expect(signIn(input)).rejects.toMatchObject({
        code: "UNAUTHENTICATED",
        message: "E-mail or password is wrong",
      });
      expect(hasher.derivations).toBe(1);
    }
    hasher.derivations = 0;
    await expect(signIn({ email: "ada@example.com", password: "right" })).resolves.toMatchObject({
      userId: "ada",
    });
    expect(hasher.derivations).toBe(1);
  });

  it("counts every attempt before it looks at the password, and gives back only those that were right", async () => {
    const { accounts, begun, given, signIn } = signInWith();
    accounts.accounts.set("ada@example.com", account("ada@example.com", "right"));
    await expect(signIn({ email: "ada@example.com", password: "wrong" })).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    await expect(signIn({ email: "nobody@example.com", password: "wrong" })).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    expect(given).toEqual([]);
    await signIn({ email: "ADA@example.com", password: "right" });
    expect(begun).toEqual([
      "ada@example.com 192.0.2.1 stranger",
      "nobody@example.com 192.0.2.1 stranger",
      "ada@example.com 192.0.2.1 stranger",
    ]);
    expect(given).toEqual(["ada@example.com"]);
  });

  it("finds an account whatever the case of the e-mail", async () => {
    const { accounts, signIn } = signInWith();
    accounts.accounts.set("ada@example.com", account("ada@example.com", "right"));
    await expect(signIn({ email: " ADA@Example.com ", password: "right" })).resolves.toMatchObject({
      userId: "ada",
    });
  });
});

describe("an outage of ours", () => {
  it("is no wrong password: one whose session can't be opened is given back", async () => {
    const { accounts, given, sessions, signIn } = signInWith();
    accounts.accounts.set("ada@example.com", account("ada@example.com", "right"));
    sessions.failing = true;
    await expect(signIn({ email: "ada@example.com", password: "right" })).rejects.toThrow(
      "the database is away",
    );
    expect(given).toEqual(["ada@example.com"]);
  });

  it("that hides the account counts nothing", async () => {
    const { accounts, begun, hasher, signIn } = signInWith();
    accounts.byEmail = () => Promise.reject(new Error("the database is away"));
    await expect(signIn({ email: "ada@example.com", password: "right" })).rejects.toThrow(
      "the database is away",
    );
    expect([begun, hasher.derivations]).toEqual([[], 0]);
  });
});

describe("a device", () => {
  it("gets a token with each login, and is counted apart from strangers by it", async () => {
    const { accounts, begun, signIn } = signInWith();
    accounts.accounts.set("ada@example.com", account("ada@example.com", "right"));
    expect((await signIn({ email: "ada@example.com", password: "right" })).deviceToken).toBe("new of ada");
    const again = await signIn({ email: "ada@example.com", password: "right", deviceToken: "tv of ada" });
    expect(again.deviceToken).toBe("tv of ada");
    await expect(
      signIn({ email: "ada@example.com", password: "wrong", deviceToken: "tv of ada" }),
    ).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    expect(begun.map((attempt) => attempt.split(" ")[2])).toEqual(["stranger", "tv", "tv"]);
  });

  it("of somebody else, or of nobody, is a stranger", async () => {
    const { accounts, begun, signIn } = signInWith();
    accounts.accounts.set("ada@example.com", account("ada@example.com", "right"));
    for (const [email, deviceToken] of [
      ["ada@example.com", "tv of eve"],
      ["ada@example.com", "nonsense"],
      ["nobody@example.com", "tv of ada"],
    ] as const) {
      await signIn({ email, password: "right", deviceToken }).catch(() => undefined);
    }
    expect(begun.map((attempt) => attempt.split(" ")[2])).toEqual(["stranger", "stranger", "stranger"]);
  });
});

describe("the first operator", () => {
  it("is made at the first login, and only found at the next", async () => {
    const { accounts, signIn } = signInWith();
    const first = await signIn({ ...OPERATOR, email: "OP@example.com" });
    expect(first.roles).toEqual(["admin"]);
    expect((await signIn(OPERATOR)).userId).toBe(first.userId);
    expect(accounts.accounts.size).toBe(1);
  });

  it("never promotes an account that exists", async () => {
    const { accounts, signIn } = signInWith();
    accounts.accounts.set(OPERATOR.email, account(OPERATOR.email, "chosen long ago"));
    await expect(signIn(OPERATOR)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect((await signIn({ email: OPERATOR.email, password: "chosen long ago" })).roles).toEqual(["user"]);
  });

  it("is one account though two logins come at once", async () => {
    const { accounts, signIn } = signInWith();
    const [one, other] = await Promise.all([signIn(OPERATOR), signIn(OPERATOR)]);
    expect(one.userId).toBe(other.userId);
    expect(accounts.accounts.size).toBe(1);
  });

  it("is refused where another account took the e-mail in that moment", async () => {
    const { accounts, signIn } = signInWith();
    accounts.beforeAdd = () => void accounts.accounts.set(OPERATOR.email, account(OPERATOR.email, "another"));
    await expect(signIn(OPERATOR)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it.each([
    ["e-mail", operatorSecret("", "the operator's own")],
    ["password", operatorSecret("op@example.com", "")],
  ])("does not exist without its %s", async (_half, operator) => {
    const { accounts, signIn } = signInWith({ operator });
    for (const email of ["", OPERATOR.email]) {
      for (const password of ["", OPERATOR.password]) {
        await expect(signIn({ email, password })).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
      }
    }
    expect(operator.isEmail("")).toBe(false);
    expect(operator.isEmail(OPERATOR.email)).toBe(false);
    expect(accounts.accounts.size).toBe(0);
  });
});
