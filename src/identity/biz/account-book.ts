import { CodedError } from "../../contracts/errors.ts";
import type { ChangePasswordInput, Profile, RegisterInput } from "../../contracts/identity.ts";
import type { Principal } from "../../contracts/call-context.ts";
import type { Clock } from "../../resilience/clock.ts";
import { foldEmail } from "./fold-email.ts";
import { erasureRetryMs } from "./lifetimes.ts";
import type { Account, AccountStore, OperatorSecret, PasswordHasher, SecretSource } from "./ports.ts";

export interface AccountsDeps {
  readonly store: AccountStore;
  readonly hasher: PasswordHasher;
  readonly operator: OperatorSecret;
  readonly secrets: Pick<SecretSource, "newId">;
  readonly now: Clock;
}

export function profileOf({ id, email, roles, createdAtMs }: Account): Profile {
  return { userId: id, email, roles, createdAt: createdAtMs };
}

/** What a person may do with their own account. */
export class AccountBook {
  readonly #deps: AccountsDeps;

  constructor(deps: AccountsDeps) {
    this.#deps = deps;
  }

  /** Throws `CONFLICT` where the e-mail is taken, or kept for the operator whether or not that account exists yet. */
  async register({ email, password }: RegisterInput): Promise<{ readonly userId: string }> {
    const { store, hasher, operator, secrets, now } = this.#deps;
    const folded = foldEmail(email);
    if (operator.isEmail(folded)) throw taken();
    const passwordHash = await hasher.hash(password);
    const userId = secrets.newId();
    const added = await store.add({ id: userId, email: folded, passwordHash, roles: ["user"], createdAtMs: now() });
    if (!added) throw taken();
    return { userId };
  }

  async profile(userId: string): Promise<Profile> {
    return profileOf(await this.#present(userId));
  }

  /** Ends all other sessions. Throws `UNAUTHENTICATED` where the present password is wrong. */
  async changePassword({ userId, sessionId }: Principal, { password, newPassword }: ChangePasswordInput): Promise<void> {
    const { store, hasher, now } = this.#deps;
    const account = await this.#present(userId);
    await this.#mustFit(password, account);
    const newHash = await hasher.hash(newPassword);
    const change = { userId, knownHash: account.passwordHash, newHash, keepSessionId: sessionId, nowMs: now() };
    if (!(await store.changePassword(change))) throw wrongPassword();
  }

  /**
   * Removes credentials and sessions now, and leaves the erasure of the history to be done. Throws as a password change does, and `CONFLICT` for the last
   * admin where no operator could sign in anew.
   */
  async erase(userId: string, password: string): Promise<void> {
    const { store, operator, now } = this.#deps;
    const account = await this.#present(userId);
    await this.#mustFit(password, account);
    const nowMs = now();
    const erasure = { userId, knownHash: account.passwordHash, nowMs, retryAtMs: nowMs + erasureRetryMs(1), operatorEmail: operator.email };
    const outcome = await store.erase(erasure);
    if (outcome === "last admin") throw new CodedError("CONFLICT", "You are the last admin: make somebody else one first");
    if (outcome === "changed") throw wrongPassword();
  }

  async #present(userId: string): Promise<Account> {
    const account = await this.#deps.store.byId(userId);
    if (account === null) throw new CodedError("UNAUTHENTICATED", "The account is gone", { tokenFault: "invalid_token" });
    return account;
  }

  async #mustFit(password: string, account: Account): Promise<void> {
    if (!(await this.#deps.hasher.verify(password, account.passwordHash))) throw wrongPassword();
  }
}

function taken(): CodedError {
  return new CodedError("CONFLICT", "The e-mail is taken");
}

function wrongPassword(): CodedError {
  return new CodedError("UNAUTHENTICATED", "The password is wrong");
}
