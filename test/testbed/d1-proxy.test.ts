import { describe, expect, it } from "vitest";
import { proxiedD1, type D1Ask } from "../../testbed/databases/d1-proxy.ts";
import { sqliteD1 } from "../support/databases/sqlite-d1.ts";

const INSERT = "INSERT INTO thing (name) VALUES (?1)";

function watched() {
  const asked: D1Ask[] = [];
  const plain = sqliteD1("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT)");
  const db = proxiedD1(plain, (ask, what) => {
    asked.push(what);
    return ask();
  });
  return { db, plain, asked };
}

describe("a database behind a proxy", () => {
  it("answers as it would without, whichever way it is asked", async () => {
    const { db, plain } = watched();
    await db.batch([db.prepare(INSERT).bind("a"), db.prepare(INSERT).bind("b")]);
    await db.prepare(INSERT).bind("c").run();
    for (const asked of [db, plain]) {
      const select = asked.prepare("SELECT id, name FROM thing WHERE id >= ?1 ORDER BY id").bind(2);
      expect((await select.all()).results).toEqual([
        { id: 2, name: "b" },
        { id: 3, name: "c" },
      ]);
      expect(await select.raw()).toEqual([
        [2, "b"],
        [3, "c"],
      ]);
      expect(await select.first()).toEqual({ id: 2, name: "b" });
      expect(await select.first("name")).toBe("b");
      expect(await asked.prepare("SELECT id FROM thing WHERE id > 3").first()).toBeNull();
    }
  });

  it("passes each ask once, with what was bound to every statement of it", async () => {
    const { db, asked } = watched();
    const insert = db.prepare(INSERT);
    await db.batch([insert.bind("a"), insert.bind("b")]);
    await insert.bind("c").run();
    expect(asked).toEqual([
      {
        runs: [
          { query: INSERT, values: ["a"] },
          { query: INSERT, values: ["b"] },
        ],
        isBatch: true,
      },
      { runs: [{ query: INSERT, values: ["c"] }], isBatch: false },
    ]);
  });

  it("prepares what it rewrites, and tells of what it was asked", async () => {
    const asked: string[] = [];
    const db = proxiedD1(
      sqliteD1(""),
      (ask, { runs }) => {
        asked.push(...runs.map(({ query }) => query));
        return ask();
      },
      () => "SELECT 2 AS n",
    );
    expect(await db.prepare("SELECT 1 AS n").first("n")).toBe(2);
    expect(asked).toEqual(["SELECT 1 AS n"]);
  });

  it("takes no statement of another database into a batch", () => {
    const { db, plain } = watched();
    expect(() => db.batch([plain.prepare("SELECT 1")])).toThrow("another database");
  });
});
