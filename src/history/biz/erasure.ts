import { CodedError } from "../../contracts/errors.ts";

/** What a shard and the databases do to forget a user. */
interface ErasureDeps {
  /** The user's shard refuses them from now on and forgets what it holds. */
  readonly eraseInShard: (userId: string) => Promise<void>;
  /** Marks the user as erased in one database and deletes what it has of them. */
  readonly eraseInDatabases: readonly ((userId: string) => Promise<void>)[];
  /**
   * Deletes some of the dead letters that an earlier release kept, bodies and all. Answers whether
   * any are left: whom they name can't be known without reading every one.
   */
  readonly pruneOldLetters: () => Promise<boolean>;
}

/** Steps of pruning one erasure takes; the next attempt goes on. */
const STEPS_MAX = 10;

/**
 * Forgets a user for good. The shard comes first: once it refuses them nothing new can reach the
 * databases, except a write that the job has collected already, and that one is refused by the mark
 * in the database. Every step may be repeated.
 *
 * Throws `UNAVAILABLE` while something may be left that names the user: the caller asks again.
 */
export async function eraseUser(
  { eraseInShard, eraseInDatabases, pruneOldLetters }: ErasureDeps,
  userId: string,
): Promise<void> {
  await eraseInShard(userId);
  for (const erase of eraseInDatabases) await erase(userId);
  for (let step = 0; await pruneOldLetters(); step += 1) {
    if (step >= STEPS_MAX)
      throw new CodedError("UNAVAILABLE", "Dead letters of an earlier release are still being deleted");
  }
}
