import type { HashLane } from "./hash-lane.ts";
import type { FailureCount, PasswordHasher } from "./ports.ts";

export interface PasswordCheckDeps {
  readonly hasher: PasswordHasher;
  readonly lane: Pick<HashLane, "run">;
}

/**
 * The one way to a hash, for every door: login, password change, erasure, and the making of new
 * ones. What is dear or guesses at a secret is limited here, where it is done, and not at the
 * doors.
 *
 * Numbered, so that tests can cite them:
 * 1. A hash is made in the lane and nowhere else.
 * 2. A look at a password is counted as wrong when its turn has come, before it is looked at: as
 *    many guesses at once as one likes are no more guesses.
 * 3. What only waited, or was refused, is not counted.
 * 4. It is given back where it was right, or where a failure of ours kept that from being known.
 *    Before the place is: so of one account no more are counted at a time than have places, and any
 *    number of right passwords at once is right.
 * 5. What is known to be refused takes no place.
 */
export class PasswordCheck {
  readonly #deps: PasswordCheckDeps;

  constructor(deps: PasswordCheckDeps) {
    this.#deps = deps;
  }

  /**
   * The hash of a new password. Throws `OVERLOADED`. `owner` is whose turn it is, as the lane means
   * it.
   */
  hash(owner: string, password: string): Promise<string> {
    const { lane, hasher } = this.#deps;
    return lane.run(owner, () => hasher.hash(password));
  }

  /**
   * Looks at a password. `look` answers null where it is wrong, and anything else where it is
   * right. Throws `RATE_LIMITED` where too many were wrong, `OVERLOADED`, and what counting and
   * looking throw.
   */
  async look<T>(
    owner: string,
    count: FailureCount,
    look: (hasher: PasswordHasher) => Promise<T | null>,
  ): Promise<T | null> {
    count.refuseKnown();
    return this.#deps.lane.run(owner, async () => {
      const attempt = await count.begin();
      let isWrong = false;
      try {
        const found = await look(this.#deps.hasher);
        isWrong = found === null;
        return found;
      } finally {
        if (!isWrong) await attempt.giveBack();
      }
    });
  }
}
