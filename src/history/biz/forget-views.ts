import { TaskGroup } from "../../resilience/task-group.ts";

const CONCURRENCY_MAX = 8;

interface ForgetViewsDeps {
  /** Tells the shard of one user. */
  readonly forget: (userId: string) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Tells shards that D1 was written without them: they remember what it had before. Never throws: a
 * shard that can't be told shows the records when it has forgotten the user by itself.
 */
export async function forgetViews(
  { forget, onFailure }: ForgetViewsDeps,
  userIds: ReadonlySet<string>,
): Promise<void> {
  const group = new TaskGroup({ concurrencyMax: CONCURRENCY_MAX });
  for (const userId of userIds) {
    group.go(async () => {
      try {
        await forget(userId);
      } catch (error) {
        onFailure(error);
      }
    });
  }
  await group.wait();
}
