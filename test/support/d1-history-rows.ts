import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import type { Entry } from "../../src/contracts/history.ts";

/** Of one history database each user's items, by `kind/itemId`, as {@link stateOf} writes them. */
type HistoryRows = ReadonlyMap<string, ReadonlyMap<string, string>>;

const DATABASES = ["HISTORY_DB_0", "HISTORY_DB_1"] as const;

/** What the history databases of a running platform hold, in their order. */
export async function d1HistoryRows(platform: RunningPlatform): Promise<readonly HistoryRows[]> {
  return Promise.all(
    DATABASES.map(async (name) => {
      const database = await platform.miniflare.getD1Database(name, "playhead-history");
      const { results } = await database
        .prepare("SELECT user_id, kind || '/' || item_id AS name, position_ms || '@' || at AS state FROM history")
        .all<{ readonly user_id: string; readonly name: string; readonly state: string }>();
      const byUser = Map.groupBy(results, ({ user_id: userId }) => userId);
      return new Map(Array.from(byUser, ([userId, rows]) => [userId, new Map(rows.map(({ name, state }) => [name, state]))]));
    }),
  );
}

/** An item's state, short. */
export function stateOf({ positionMs, watchedAt }: Entry): string {
  return `${positionMs}@${watchedAt}`;
}
