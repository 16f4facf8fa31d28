const SUBQUERIES = /\)\s*(?:AS\s+)?(\w+)/gi;
const ALIASES = /\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+AS)?\s+(\w+)/gi;

/**
 * By what a statement finds its rows, as its plan has it: the names of indexes, and of tables for
 * their primary keys; `all of` a table that it goes through from one end. Without its subqueries,
 * which read nothing themselves.
 */
export async function readThrough(
  db: D1Database,
  query: string,
  values: readonly unknown[],
): Promise<string> {
  const tables = await db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
    .all<{ readonly name: string }>();
  const isTable = new Set(tables.results.map(({ name }) => name));
  const tableOf = new Map(
    [...query.matchAll(ALIASES)].flatMap(([, table = "", alias = ""]) =>
      isTable.has(table) ? [[alias, table]] : [],
    ),
  );
  const subqueries = new Set([...query.matchAll(SUBQUERIES)].map(([, alias]) => alias));
  const plan = await db
    .prepare(`EXPLAIN QUERY PLAN ${query}`)
    .bind(...values)
    .all<{ readonly detail: string }>();
  const found = plan.results.flatMap(({ detail }) => {
    const [, way = "", name = "", index] =
      /^(SEARCH|SCAN) (\w+)(?:.* USING (?:COVERING )?INDEX (\w+))?/.exec(detail) ?? [];
    if (index !== undefined) return [`\`${index}\``];
    const table = isTable.has(name) ? name : tableOf.get(name);
    if (table === undefined || (way === "SCAN" && subqueries.has(name))) return [];
    return [way === "SCAN" ? `all of \`${table}\`` : `\`${table}\``];
  });
  return found.length === 0 ? "nothing" : [...new Set(found)].toSorted().join(", ");
}
