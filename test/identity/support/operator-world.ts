import type { TokenGrant } from "../../../src/contracts/identity.ts";
import { OperatorAccount } from "../../../src/identity/biz/operator-account.ts";
import { PasswordCheck } from "../../../src/identity/biz/password-check.ts";
import { createSignIn } from "../../../src/identity/biz/sign-in.ts";
import { d1Accounts } from "../../../src/identity/data/d1-accounts.ts";
import { operatorSecret } from "../../../src/identity/data/operator-secret.ts";
import { migrationsOf } from "../../support/databases/migrations.ts";
import { sqliteD1, type SqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { CountingHasher, plainSecrets } from "./plain-parts.ts";

export const OPERATOR_EMAIL = "op@example.com";
const SEALING = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
const [KEY_1 = new Uint8Array(32)] = SEALING;

export interface Secrets {
  readonly password: string;
  readonly email?: string;
  readonly sealing?: readonly Uint8Array[];
}

export const sealingKeys = SEALING;

/**
 * Identity's login over its real statements, as an isolate with certain secrets has it. The table
 * outlives isolates.
 */
export function operatorWorld(db: SqliteD1 = sqliteD1(migrationsOf("identity"))) {
  const accounts = d1Accounts(db);
  const unapplied: string[] = [];
  const isolate = ({ password, email = OPERATOR_EMAIL, sealing = [KEY_1] }: Secrets) => {
    const hasher = new CountingHasher();
    const operator = operatorSecret({ email, password, sealing });
    const operatorAccount = new OperatorAccount({
      accounts,
      operator,
      secrets: plainSecrets,
      now: () => 1_000,
      onUnapplied: (userId) => void unapplied.push(userId),
    });
    const signIn = createSignIn({
      accounts,
      passwords: new PasswordCheck({ hasher, lane: { run: async (_owner, work) => work() } }),
      operator,
      operatorAccount,
      sessions: { open: async ({ id, roles }) => ({ userId: id, roles }) as TokenGrant },
      failures: {
        ofLogin: async () => ({
          refuseKnown: () => undefined,
          begin: async () => ({ giveBack: async () => undefined }),
        }),
      },
      devices: { read: async () => null, issue: async () => "a device" },
    });
    /** "in", or the code of the refusal, and how many keys were derived. */
    const logIn = async (
      presented: string,
      at = email,
    ): Promise<readonly [outcome: string, derivations: number]> => {
      hasher.derivations = 0;
      const outcome = await signIn({ email: at, password: presented }, "192.0.2.1").then(
        () => "in",
        (error: { readonly code: string }) => error.code,
      );
      return [outcome, hasher.derivations];
    };
    return { logIn, accounts, operator };
  };
  const audit = (): unknown[] =>
    db
      .statement("SELECT actor, action, target, detail FROM audit")
      .all()
      .map((row) => ({ ...row }));
  const digest = async (): Promise<string | null> =>
    (await accounts.byEmail(OPERATOR_EMAIL))?.operatorDigest ?? null;
  return { db, accounts, isolate, unapplied, audit, digest };
}
