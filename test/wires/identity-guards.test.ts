import { beforeEach, describe, expect, it, vi } from "vitest";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import { wire } from "../../src/identity/wire.ts";
import { Accounts, Operations, Trust } from "../../src/identity/worker.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import {
  emptyD1,
  guardBindings,
  hungD1,
  hungObjects,
  hungService,
  never,
} from "../support/workers/hung-bindings.ts";
import { forgetGuards, guardsMade, opens } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

/**
 * The identity worker as it is deployed, all of whose upstreams hang, by its entrypoints. Whoever
 * logs in is looked up before they are counted.
 */
function identity({
  database = hungD1(),
  windows = hungObjects(),
}: { readonly database?: object; readonly windows?: object } = {}) {
  const env = {
    ...guardBindings(),
    KEY_ENCRYPTION_KEY: "A".repeat(43),
    ADMIN_EMAIL: "",
    ADMIN_PASSWORD: "",
    SESSION_AGE_MS_MAX: "15552000000",
    REFRESH_LEEWAY_MS: "10000",
    CELLS: "main",
    CELL_OF: "*=main",
    RATE_LIMIT_SCALE: "1",
    IDENTITY_DB: database,
    RATE_WINDOW: windows,
    HISTORY: hungService(),
  } as unknown as IdentityEnv;
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  return {
    accounts: new Accounts(ctx, env),
    operations: new Operations(ctx, env),
    trust: new Trust(ctx, env),
    wired: wire(env),
  };
}

type Identity = ReturnType<typeof identity>;
const LOGIN = { email: "ada@example.com", password: "correct horse" };

interface Row {
  readonly what: string;
  /**
   * @param index - which of the calls it is: where clients have objects of their own, one more
   *   client
   */
  readonly call: (of: Identity, ms?: number, index?: number) => Promise<unknown>;
  readonly stepMs?: number;
  /** Answers where another upstream is asked. */
  readonly database?: object;
  /** Two are at work at once, and not all who wait for that have their turn in time. */
  readonly rounds?: number;
}

/** For each upstream calls that need it, with the time that their caller grants. */
const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "identity-db": [
    {
      what: "a refresh",
      call: ({ accounts }, ms = CALL_TIMEOUT_MS.sessionRpc) =>
        accounts.refresh(contextOf(ms), "r".repeat(43)),
    },
    {
      what: "a logout",
      call: ({ accounts }, ms = CALL_TIMEOUT_MS.sessionRpc) => accounts.logout(contextOf(ms)),
    },
    {
      what: "an account's erasure",
      call: ({ accounts }, ms = CALL_TIMEOUT_MS.passwordRpc) => accounts.erase(contextOf(ms), LOGIN.password),
    },
  ],
  "identity-db-readers": [
    { what: "a profile", call: ({ accounts }, ms = CALL_TIMEOUT_MS.rpc) => accounts.me(contextOf(ms)) },
    {
      what: "keys and revocations",
      call: ({ trust }, ms = CALL_TIMEOUT_MS.rpc) => trust.snapshot(contextOf(ms), 0),
    },
    {
      what: "an operator's overview",
      call: ({ operations }, ms = CALL_TIMEOUT_MS.operatorRpc) => operations.overview(contextOf(ms)),
    },
  ],
  "rate-window": [
    {
      what: "a login",
      call: ({ accounts }, ms = CALL_TIMEOUT_MS.passwordRpc, index = 0) =>
        accounts.login(contextOf(ms), { ...LOGIN, email: `user-${index}@example.com` }),
      database: emptyD1(),
      rounds: 3,
    },
  ],
  history: [
    {
      what: "an erasure",
      call: ({ wired }) => wired.erasures.attempt({ userId: "ada", cell: null }),
      stepMs: 1_000,
    },
  ],
};
const EACH = Object.entries(ROWS).flatMap(([upstream, rows]) =>
  rows.map((row) => [upstream, row.what, row] as const),
);

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

describe("in identity", () => {
  it("every guard has its row here", () => {
    identity();
    expect(guardsMade()).toEqual(Object.keys(ROWS).sort());
  });

  it.each(EACH)(
    "%s that hangs is left alone: %s",
    async (upstream, _what, { call, stepMs = 50, database, rounds = 1 }) => {
      const one = identity(database === undefined ? {} : { database });
      expect(await opens(upstream, (index) => call(one, undefined, index), { stepMs, rounds })).toBe(true);
    },
  );

  it.each(EACH.filter(([upstream]) => upstream !== "history"))(
    "%s is not taken for ill by clients in a hurry: %s",
    async (upstream, _what, { call, database }) => {
      const one = identity(database === undefined ? {} : { database });
      expect(await opens(upstream, (index) => call(one, 130, index))).toBe(false);
    },
  );

  it("the window of one e-mail's failed logins that hangs keeps nobody else from logging in", async () => {
    const asked: string[] = [];
    const windows = {
      idFromName: (name: string) => ({ name }),
      get: ({ name }: { readonly name: string }) => ({ ask: () => (asked.push(name), never) }),
    };
    const { accounts } = identity({ database: emptyD1(), windows });
    const login = (email: string): Promise<unknown> =>
      accounts.login(contextOf(CALL_TIMEOUT_MS.passwordRpc), { ...LOGIN, email });
    await opens("rate-window", () => login("ill@example.com"), { rounds: 4 });
    const ofTheIll = asked.length;
    await opens("rate-window", () => login("well@example.com"), { atOnce: 1 });
    expect([ofTheIll < 100, asked.length - ofTheIll]).toEqual([true, 1]);
  });
});
