import { CodedError } from "../../contracts/errors.ts";
import type { ChangePasswordInput, Profile, RegisterInput } from "../../contracts/identity.ts";
import type { Principal } from "../../contracts/call-context.ts";
import type { Continent } from "../../contracts/continent.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { HomeOf } from "./cell-of.ts";
import { foldEmail } from "./fold-email.ts";
import { erasureRetryMs } from "./lifetimes.ts";
import type { PasswordCheck } from "./password-check.ts";
import type {
  Account,
  AccountStore,
  FailureCounts,
  OperatorSecret,
  PasswordHasher,
  SecretSource,
  UserToErase,
} from "./ports.ts";

export interface AccountsDeps {
  readonly store: AccountStore;
  readonly passwords: Pick<PasswordCheck, "hash" | "look">;
  readonly failures: Pick<FailureCounts, "ofSession">;
  readonly operator: OperatorSecret;
  readonly secrets: Pick<SecretSource, "newId">;
  readonly homeOf: HomeOf;
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

  /**
   * Throws `CONFLICT` where the e-mail is taken, or kept for the operator whether or not that
   * account exists yet: after the same work, so that nobody can tell the one from the other.
   */
  async register(
    { email, password }: RegisterInput,
    clientAddress: string,
    continent?: Continent,
  ): Promise<{ readonly userId: string }> {
    const { store, passwords, operator, secrets, homeOf, now } = this.#deps;
    const folded = foldEmail(email);
    const passwordHash = await passwords.hash(clientAddress, password);
    const known = await store.byEmail(folded);
    if (known !== null || operator.isEmail(folded)) throw taken();
    const userId = secrets.newId();
    const added = await store.add({
      id: userId,
      email: folded,
      passwordHash,
      roles: ["user"],
      createdAtMs: now(),
      cell: homeOf(continent),
    });
    if (!added) throw taken();
    return { userId };
  }

  async profile(userId: string): Promise<Profile> {
    return profileOf(await this.#present(userId));
  }

  /**
   * Ends all other sessions. Throws `UNAUTHENTICATED` where the present password is wrong,
   * `RATE_LIMITED` where that has been so too often in this session.
   */
  async changePassword(caller: Principal, { password, newPassword }: ChangePasswordInput): Promise<void> {
    const { store, now } = this.#deps;
    const { userId, sessionId } = caller;
    const account = await this.#present(userId);
    const newHash = await this.#whereRight(caller, password, account, (hasher) => hasher.hash(newPassword));
    const change = {
      userId,
      knownHash: account.passwordHash,
      newHash,
      keepSessionId: sessionId,
      nowMs: now(),
    };
    if (!(await store.changePassword(change))) throw wrongPassword();
  }

  /**
   * Removes credentials and sessions now, and leaves the erasure of the history to be done. Throws
   * as a password change does, and `CONFLICT` for the last admin where no operator could sign in
   * anew.
   */
  async erase(caller: Principal, password: string): Promise<UserToErase> {
    const { store, operator, now } = this.#deps;
    const { userId } = caller;
    const account = await this.#present(userId);
    await this.#whereRight(caller, password, account, async () => true);
    const nowMs = now();
    const user = { userId, cell: account.cell ?? null };
    const erasure = {
      ...user,
      knownHash: account.passwordHash,
      nowMs,
      retryAtMs: nowMs + erasureRetryMs(1),
      operatorEmail: operator.email,
    };
    const outcome = await store.erase(erasure);
    if (outcome === "last admin")
      throw new CodedError("CONFLICT", "You are the last admin: make somebody else one first");
    if (outcome === "changed") throw wrongPassword();
    return user;
  }

  async #present(userId: string): Promise<Account> {
    const account = await this.#deps.store.byId(userId);
    if (account === null)
      throw new CodedError("UNAUTHENTICATED", "The account is gone", { tokenFault: "invalid_token" });
    return account;
  }

  /**
   * Wrong ones are counted by session: a stolen token is of one session, and must not lock out the
   * others.
   */
  async #whereRight<T>(
    { userId, sessionId }: Principal,
    password: string,
    { passwordHash }: Account,
    then: (hasher: PasswordHasher) => Promise<T>,
  ): Promise<T> {
    const { passwords, failures } = this.#deps;
    const found = await passwords.look(userId, failures.ofSession(sessionId), async (hasher) =>
      (await hasher.verify(password, passwordHash)) ? { value: await then(hasher) } : null,
    );
    if (found === null) throw wrongPassword();
    return found.value;
  }
}

function taken(): CodedError {
  return new CodedError("CONFLICT", "The e-mail is taken");
}

function wrongPassword(): CodedError {
  return new CodedError("UNAUTHENTICATED", "The password is wrong");
}
