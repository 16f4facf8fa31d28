import { getTableConfig } from "drizzle-orm/sqlite-core";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import * as schema from "../../src/identity/data/schema.ts";

describe("the drizzle schema", () => {
  it.each(Object.values(schema).map((table) => getTableConfig(table)))(
    "knows every column of $name as the migrations made it",
    async (table) => {
      const { results } = await env.IDENTITY_DB.prepare(
        'SELECT name, type, "notnull" AS required FROM pragma_table_info(?)',
      )
        .bind(table.name)
        .all();
      const migrated = results.map(({ name, type, required }) => ({ name, type, required: required === 1 }));
      const declared = table.columns.map((column) => ({
        name: column.name,
        type: column.getSQLType().toUpperCase(),
        required: column.notNull || column.primary,
      }));
      const byName = (a: { name: unknown }, b: { name: unknown }) =>
        String(a.name).localeCompare(String(b.name));
      expect(declared.sort(byName)).toEqual(migrated.sort(byName));
    },
  );

  it("knows every table", async () => {
    const { results } = await env.IDENTITY_DB.prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name <> 'd1_migrations'",
    ).all();
    const declared = Object.values(schema).map((table) => getTableConfig(table).name);
    expect(new Set(results.map(({ name }) => name))).toEqual(new Set(declared));
  });
});
