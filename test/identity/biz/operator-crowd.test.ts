import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TokenGrant } from "../../../src/contracts/identity.ts";
import { HashLane } from "../../../src/identity/biz/hash-lane.ts";
import { OperatorAccount } from "../../../src/identity/biz/operator-account.ts";
import { pacedHasher } from "../../../src/identity/biz/paced-hasher.ts";
import { PasswordCheck } from "../../../src/identity/biz/password-check.ts";
import { createSignIn } from "../../../src/identity/biz/sign-in.ts";
import { d1Accounts } from "../../../src/identity/data/d1-accounts.ts";
import { operatorSecret } from "../../../src/identity/data/operator-secret.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { CountingHasher, plainSecrets } from "../support/plain-parts.ts";

const EMAIL = "op@example.com";
const FIRST = "the first operator's";
const SECOND = "the second operator's";
const HASH_MS = 100;
const TIMEOUT_MS = 4_500;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** The login of an isolate over the real lane and pace, whose hashes take their time. */
function isolate(accounts: ReturnType<typeof d1Accounts>, password: string) {
  const now = (): number => Date.now();
  const counting = new CountingHasher();
  const hasher = {
    hash: async (given: string) => (await sleep(HASH_MS), counting.hash(given)),
    verify: async (given: string, encoded: string | null) => (
      await sleep(HASH_MS),
      counting.verify(given, encoded)
    ),
  };
  const operator = operatorSecret({ email: EMAIL, password, sealing: [new Uint8Array(32)] });
  const lane = new HashLane({ now, sleep, patienceMs: () => TIMEOUT_MS, keep: () => undefined });
  const signIn = createSignIn({
    accounts,
    passwords: new PasswordCheck({ hasher: pacedHasher({ hasher, now, sleep }), lane }),
    operator,
    operatorAccount: new OperatorAccount({
      accounts,
      operator,
      secrets: plainSecrets,
      now,
      onUnapplied: () => undefined,
    }),
    sessions: { open: async ({ id, roles }) => ({ userId: id, roles }) as TokenGrant },
    failures: {
      ofLogin: async () => ({
        refuseKnown: () => undefined,
        begin: async () => ({ giveBack: async () => undefined }),
      }),
    },
    devices: { read: async () => null, issue: async () => "a device" },
  });
  /** How so many logins at once with the secret end. */
  return async function crowd(size: number): Promise<readonly string[]> {
    const logins = Array.from({ length: size }, () =>
      signIn({ email: EMAIL, password }, "192.0.2.1").then(
        () => "in",
        (error: { readonly code: string }) => error.code,
      ),
    );
    await vi.runAllTimersAsync();
    return Promise.all(logins);
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("nine right logins at once of the operator", () => {
  it("are nine that are let in, whoever of them has to make the account or the new secret's hash", async () => {
    const accounts = d1Accounts(sqliteD1(migrationsOf("identity")));
    const allIn = Array.from({ length: 9 }, () => "in");
    expect(await isolate(accounts, FIRST)(9)).toEqual(allIn);
    expect(await isolate(accounts, SECOND)(9)).toEqual(allIn);
  });
});
