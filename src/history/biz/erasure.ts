/** What a shard and the databases do to forget a user. */
export interface ErasurePorts {
  /** The user's shard refuses them from now on and forgets what it holds. */
  readonly eraseInShard: (userId: string) => Promise<void>;
  /** Marks the user as erased in one database and deletes what it has of them. */
  readonly eraseInDatabases: readonly ((userId: string) => Promise<void>)[];
}

/**
 * Forgets a user for good. The shard comes first: once it refuses them nothing new can reach the databases, except a write that the job
 * has collected already, and that one is refused by the mark in the database. Every step may be repeated.
 */
export async function eraseUser({ eraseInShard, eraseInDatabases }: ErasurePorts, userId: string): Promise<void> {
  await eraseInShard(userId);
  for (const erase of eraseInDatabases) await erase(userId);
}
