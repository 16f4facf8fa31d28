import { exports } from "cloudflare:workers";
import { describe } from "vitest";
import { Accounts, Operations, Trust } from "../../src/identity/worker.ts";
import { testGarbageCalls } from "../support/workers/garbage-calls.ts";
import {
  anyone,
  bearerOf,
  logIn,
  newAccount,
  operator,
  PASSWORD,
  stolenDatabase,
  trust,
} from "./support/identity-worker.ts";

const remotes = exports as unknown as Readonly<Record<string, object>>;
const remote = (name: string) => (): object => remotes[name] ?? {};

async function signedIn() {
  const { email, userId } = await newAccount();
  const grant = await logIn(email);
  return { email, userId, grant, ctx: bearerOf(grant) };
}

describe("what is asked of identity", () => {
  testGarbageCalls({
    name: "Accounts",
    entrypoint: Accounts,
    remote: remote("Accounts"),
    world: stolenDatabase,
    calls: {
      register: () => ({
        ctx: anyone,
        input: { email: `${crypto.randomUUID()}@example.com`, password: PASSWORD },
      }),
      login: async () => ({ ctx: anyone, input: { email: (await newAccount()).email, password: PASSWORD } }),
      refresh: async () => ({ ctx: anyone, refreshToken: (await signedIn()).grant.refreshToken }),
      logout: async () => ({ ctx: (await signedIn()).ctx }),
      changePassword: async () => ({
        ctx: (await signedIn()).ctx,
        input: { password: PASSWORD, newPassword: "another horse" },
      }),
      me: async () => ({ ctx: (await signedIn()).ctx }),
      erase: async () => ({ ctx: (await signedIn()).ctx, password: PASSWORD }),
      ready: { ctx: anyone },
    },
    bad: {
      "register input": [
        { email: "nobody", password: PASSWORD },
        { email: "a@example.com", password: "short" },
        { email: "a@example.com" },
      ],
      "login input": [{ email: "a@example.com", password: ["x"] }],
      "changePassword input": [{ password: PASSWORD, newPassword: "short" }],
    },
  });

  testGarbageCalls({
    name: "Operations",
    entrypoint: Operations,
    remote: remote("Operations"),
    world: stolenDatabase,
    calls: {
      setRoles: async () => ({
        ctx: operator,
        userId: (await newAccount()).userId,
        roles: ["user", "operator"],
      }),
      accountState: async () => ({ ctx: operator, userId: (await newAccount()).userId }),
      rotateKeys: { ctx: operator },
      distrustKey: async () => ({ ctx: operator, kid: (await trust.snapshot(anyone, 0)).keys[0]?.kid ?? "" }),
      audit: { ctx: operator, page: { limit: 101 } },
      overview: { ctx: operator },
      ready: { ctx: anyone },
    },
    bad: {
      "accountState userId": ["", "x"],
      "distrustKey kid": ["", "x".repeat(65), 5],
      "audit page": [{ limit: 0 }, { limit: 102 }, { limit: 1, cursor: "x" }],
      "setRoles roles": [[], ["king"], "admin"],
      "setRoles userId": ["x' OR 1=1"],
    },
  });

  testGarbageCalls({
    name: "Trust",
    entrypoint: Trust,
    remote: remote("Trust"),
    world: stolenDatabase,
    calls: { snapshot: { ctx: anyone, sinceMs: 0 } },
    bad: { "snapshot sinceMs": [-1, 0.5, "0", Number.POSITIVE_INFINITY] },
  });
});
