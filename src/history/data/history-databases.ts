/**
 * The worker's databases in the order of their numbers: `HISTORY_DB_0`, `HISTORY_DB_1`, as many as
 * are bound.
 */
export function historyDatabases(env: object): readonly D1Database[] {
  const bindings = env as Readonly<Record<string, D1Database | undefined>>;
  const databases: D1Database[] = [];
  for (;;) {
    const db = bindings[`HISTORY_DB_${databases.length}`];
    if (db === undefined) return databases;
    databases.push(db);
  }
}
