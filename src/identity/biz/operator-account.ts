import { CodedError } from "../../contracts/errors.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Account, AccountStore, OperatorSecret, PasswordHasher, SecretSource } from "./ports.ts";
import { UNUSABLE_HASH } from "./unusable-hash.ts";

export interface OperatorAccountDeps {
  readonly accounts: Pick<AccountStore, "byEmail" | "add" | "applySecret" | "noteDigest" | "replaceHash">;
  readonly operator: OperatorSecret;
  readonly secrets: Pick<SecretSource, "newId">;
  readonly now: Clock;
  /**
   * Hears that the secret can't be applied to the account that has the operator's e-mail, at most
   * once.
   */
  readonly onUnapplied: (userId: string) => void;
}

/** Who changes the operator's password when the secret has changed. */
const ACTOR = "secret";

/** Somebody who changes the same account all the time is no reason to let them in. */
const APPLICATIONS_MAX = 3;

/**
 * Whether nothing but the secret itself lets anybody in: there is no account yet, or its secret has
 * changed.
 */
export function awaitsSecret(account: Account | null): boolean {
  return account === null || account.passwordHash === UNUSABLE_HASH;
}

/**
 * The account that the worker's secrets name. It says by a digest which secret was last applied to
 * it: an operator's own password holds until there is another *secret*, and an account without a
 * digest, which somebody may have registered long ago, is neither promoted nor taken over.
 */
export class OperatorAccount {
  readonly #deps: OperatorAccountDeps;
  #hasTold = false;

  constructor(deps: OperatorAccountDeps) {
    this.#deps = deps;
  }

  /**
   * The account as it is once the present secret is applied. To be asked before any verdict on a
   * password, whichever was presented: a secret that was withdrawn is worth nothing from here on,
   * and so are its sessions.
   */
  async upToDate(found: Account | null): Promise<Account | null> {
    const { accounts, operator, secrets, now } = this.#deps;
    let account = found;
    for (let application = 0; application < APPLICATIONS_MAX; application += 1) {
      const knownDigest = account?.operatorDigest ?? null;
      if (account === null || knownDigest === null || !operator.isEmail(account.email)) return account;
      if (operator.compare(knownDigest) !== "other") return account;
      await accounts.applySecret({
        userId: account.id,
        knownHash: account.passwordHash,
        knownDigest,
        newHash: UNUSABLE_HASH,
        newDigest: operator.digest,
        audit: { id: secrets.newId(), atMs: now(), actor: ACTOR },
      });
      // Applied by us, by somebody faster, or not, since the password has changed in that moment.
      account = await accounts.byEmail(account.email);
    }
    throw new CodedError("UNAVAILABLE", "The operator's account is being changed", { retryAfterMs: 1_000 });
  }

  /**
   * The account of an operator who has just presented the secret. Where another login was faster,
   * its account counts, and the password has to fit that one: null where it doesn't.
   *
   * @param hasher what hashes in the caller's turn
   */
  async make(
    hasher: PasswordHasher,
    account: Account | null,
    email: string,
    password: string,
  ): Promise<Account | null> {
    const { accounts, operator, secrets, now } = this.#deps;
    const passwordHash = await hasher.hash(password);
    if (account === null) {
      const fresh: Account = {
        id: secrets.newId(),
        email,
        passwordHash,
        roles: ["admin"],
        createdAtMs: now(),
        operatorDigest: operator.digest,
      };
      if (await accounts.add(fresh)) return fresh;
    } else {
      const known = {
        userId: account.id,
        knownHash: account.passwordHash,
        knownDigest: account.operatorDigest ?? null,
      };
      if (await accounts.replaceHash({ ...known, newHash: passwordHash, newDigest: operator.digest }))
        return { ...account, passwordHash };
    }
    const faster = await accounts.byEmail(email);
    return faster !== null && (await hasher.verify(password, faster.passwordHash)) ? faster : null;
  }

  /**
   * To be told of every verdict on a password. Where it fits, is the secret, and the account is an
   * admin's, the account gets its digest: an earlier release has made it, or its digest's key is
   * gone. Of any other account without one it is told that the secret isn't applied to it.
   */
  async judged(account: Account, password: string, fits: boolean): Promise<void> {
    const { accounts, operator, onUnapplied } = this.#deps;
    const knownDigest = account.operatorDigest ?? null;
    if (!operator.isEmail(account.email) || knownDigest === operator.digest) return;
    const isSame = knownDigest !== null && operator.compare(knownDigest) === "same";
    if (isSame || (fits && operator.matches(account.email, password) && account.roles.includes("admin"))) {
      await accounts.noteDigest({
        userId: account.id,
        knownHash: account.passwordHash,
        knownDigest,
        newDigest: operator.digest,
      });
    } else if (!this.#hasTold) {
      this.#hasTold = true;
      onUnapplied(account.id);
    }
  }
}
