import type { HistoryWriter, ShardPort } from "./ports.ts";
import { statementParts } from "./statement-parts.ts";

export interface SettleDeps {
  readonly shards: ShardPort;
  /** Entries kept of one user, and as many tombstones. */
  readonly entriesPerUserMax: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Hears of failures: another run finds the same users. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/** A user of whom something was written, and the shard that it came from. */
export interface WrittenUser {
  readonly shard: number;
  readonly userId: string;
}

/**
 * Users who are looked at after a write: one in so many. To look at each at every write would scan
 * 1,000 rows for one.
 */
const LOOK_AT_ONE_IN = 50;
/** Users in one statement: each has some 1,000 rows to be looked at. */
const USERS_PER_QUERY_MAX = 100;
/** Users who are settled in one run: each is loaded whole by their shard. */
export const SETTLED_MAX = 20;

/** Those who are looked at this time, each once. */
export function someOf(users: readonly WrittenUser[], random: () => number): readonly WrittenUser[] {
  const byId = new Map(users.map((user) => [user.userId, user]));
  return [...byId.values()].filter(() => random() < 1 / LOOK_AT_ONE_IN);
}

/**
 * Those of one database's users who have more there than is kept. Never throws: trimming is late by
 * a write then.
 */
export async function overfullOf(
  { entriesPerUserMax, onFailure }: SettleDeps,
  writer: HistoryWriter,
  users: readonly WrittenUser[],
  tombstonesBeforeMs: number,
): Promise<readonly WrittenUser[]> {
  const overfull = new Set<string>();
  try {
    const userIds = users.map(({ userId }) => userId);
    for (const part of statementParts(userIds, USERS_PER_QUERY_MAX))
      for (const userId of await writer.overfull(part, entriesPerUserMax, tombstonesBeforeMs))
        overfull.add(userId);
  } catch (error) {
    onFailure("look for users with too much", error);
  }
  return users.filter(({ userId }) => overfull.has(userId));
}

/** Has a user's shard say what of theirs goes: what it shows and what D1 holds stay the same. */
export async function settle({ shards, onFailure }: SettleDeps, user: WrittenUser): Promise<void> {
  try {
    await shards.settle(user.shard, user.userId);
  } catch (error) {
    onFailure(`settle a user in shard ${user.shard}`, error);
  }
}
