import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { RunningPlatform } from "../../../scripts/runtime/platform.ts";
import type { Entry } from "../../../src/contracts/history.ts";

/** Of one history database each user's items, by `kind/itemId`, as {@link stateOf} writes them. */
type HistoryRows = ReadonlyMap<string, ReadonlyMap<string, string>>;

const ROWS = "SELECT user_id, kind || '/' || item_id AS name, position_ms || '@' || at AS state FROM history";

interface Row {
  readonly user_id: string;
  readonly name: string;
  readonly state: string;
}

const DATABASES = ["HISTORY_DB_0", "HISTORY_DB_1"] as const;

/** What the history databases of a running platform hold, in their order. */
export async function d1HistoryRows(platform: RunningPlatform): Promise<readonly HistoryRows[]> {
  return Promise.all(
    DATABASES.map(async (name) => {
      const database = await platform.miniflare.getD1Database(name, "playhead-history");
      return byUser((await database.prepare(ROWS).all<Row>()).results);
    }),
  );
}

/** What both of them hold in the state folder of a platform that does not run. */
export function historyRowsOnDisk(state: string): HistoryRows {
  const rows: Row[] = [];
  for (const path of globSync("v3/d1/**/*.sqlite", { cwd: state })) {
    const database = new DatabaseSync(join(state, path));
    const isHistory =
      database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'history'").get() !==
      undefined;
    if (isHistory) rows.push(...(database.prepare(ROWS).all() as unknown as Row[]));
    database.close();
  }
  return byUser(rows);
}

function byUser(rows: readonly Row[]): HistoryRows {
  const grouped = Map.groupBy(rows, ({ user_id: userId }) => userId);
  return new Map(
    Array.from(grouped, ([userId, ofUser]) => [
      userId,
      new Map(ofUser.map(({ name, state }) => [name, state])),
    ]),
  );
}

/** An item's state, short. */
export function stateOf({ positionMs, watchedAt }: Entry): string {
  return `${positionMs}@${watchedAt}`;
}
