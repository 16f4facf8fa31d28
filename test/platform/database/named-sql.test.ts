import * as fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { bound, boundAll, namedSql, type NamedSql } from "../../../src/platform/database/named-sql.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";

const db = sqliteD1("CREATE TABLE movement (owner TEXT, id TEXT, amount INTEGER)");

describe("SQL with names", () => {
  it("numbers its names in the order in which they come, each once", () => {
    const sql = namedSql("SELECT :first, :second, :first WHERE id=:third AND at<:second");
    expect(sql).toEqual({
      text: "SELECT ?1, ?2, ?1 WHERE id=?3 AND at<?2",
      names: ["first", "second", "third"],
    });
    expectTypeOf(sql).toEqualTypeOf<NamedSql<"first" | "second" | "third">>();
  });

  it("takes no name for another that begins like it", () => {
    const sql = namedSql("SELECT :at, :atMs, :at_2");
    expect(sql.text).toBe("SELECT ?1, ?2, ?3");
    expectTypeOf(sql).toEqualTypeOf<NamedSql<"at" | "atMs" | "at_2">>();
  });

  it("leaves strings, quoted identifiers and comments as they are, and what only looks like a name", () => {
    const sql = namedSql(`
      SELECT ':a', 'it''s :b', ":c", \`:d\`, [:e], '--', :real, '/*' -- isn't :f
      /* isn't :g */ FROM j, '"' WHERE j.body ->> '$.a:h' = ':' || :last::TEXT AND :: i /* :k`);
    expect(sql.names).toEqual(["real", "last"]);
    expect(sql.text).toBe(`
      SELECT ':a', 'it''s :b', ":c", \`:d\`, [:e], '--', ?1, '/*' -- isn't :f
      /* isn't :g */ FROM j, '"' WHERE j.body ->> '$.a:h' = ':' || ?2::TEXT AND :: i /* :k`);
    expectTypeOf(sql).toEqualTypeOf<NamedSql<"real" | "last">>();
  });

  it("sees the names of the parts that a text is put together from", () => {
    const mine = <Id extends string>(id: Id) => `owner = :owner AND id = ${id}` as const;
    const LIMIT = 10;
    const sql = namedSql(`SELECT :more WHERE ${mine(":id")} OR ${mine(":other")} LIMIT ${LIMIT}`);
    expect(sql.names).toEqual(["more", "owner", "id", "other"]);
    expectTypeOf(sql).toEqualTypeOf<NamedSql<"more" | "owner" | "id" | "other">>();
  });

  it("does not compile where a part's names can't be seen", () => {
    const part: string = "id = :id";
    const count: number = 1;
    // @ts-expect-error: a string hides what is in it
    expect(namedSql(`SELECT :more WHERE ${part}`).names).toEqual(["more", "id"]);
    // @ts-expect-error: the same
    expect(namedSql(part).names).toEqual(["id"]);
    // @ts-expect-error: nor does a number that nobody knows
    expect(namedSql(`SELECT :more LIMIT ${count}`).names).toEqual(["more"]);
  });

  it("is refused with a value that has no name, and with more names than D1 binds", () => {
    expect(() => namedSql("SELECT :id, ?1")).toThrow(RangeError);
    expect(() => namedSql("SELECT ?")).toThrow(RangeError);
    expect(namedSql("SELECT '?', :id").text).toBe("SELECT '?', ?1");
    const names = Array.from({ length: 101 }, (_, index) => `:n${index}`);
    expect(() => namedSql(`SELECT ${names.join(", ")}` as "SELECT")).toThrow("not 101");
    expect(namedSql(`SELECT ${names.slice(1).join(", ")}` as "SELECT").names).toHaveLength(100);
  });

  it("is read as SQLite itself reads it, whatever stands in strings, identifiers and comments", () => {
    const values = { a: "the value of a", ab: "the value of ab" };
    const { sqlite } = db;
    fc.assert(
      fc.property(fc.array(expression, { minLength: 1, maxLength: 6 }), (expressions) => {
        const query = `SELECT ${expressions.map((each, index) => `${each} AS c${index}`).join(", ")}`;
        const named = sqlite.prepare(query);
        named.setAllowUnknownNamedParameters(true);
        const { text, names } = namedSql(query as "SELECT :a, :ab");
        expect(sqlite.prepare(text).all(...names.map((name) => values[name]))).toEqual(named.all(values));
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });
});

/** Whatever could be taken for the beginning or the end of something. */
const junk = fc
  .array(fc.constantFrom(":a", ":", "::", "'", '"', "`", "[", "]", "--", "/*", "*/", " ", "\n", "b"), {
    maxLength: 8,
  })
  .map((pieces) => pieces.join(""));
const columnOf = (quoted: string): string => `(SELECT j.${quoted} FROM (SELECT 5 AS ${quoted}) AS j)`;
const expression = fc.oneof(
  fc.constantFrom(":a", ":ab", ":a||:ab", "json_array(:ab)"),
  junk.map((text) => `'${text.replaceAll("'", "''")}'`),
  junk.map((text) => columnOf(`"x${text.replaceAll('"', '""')}"`)),
  junk.map((text) => columnOf(`\`x${text.replaceAll("`", "``")}\``)),
  junk.map((text) => columnOf(`[x${text.replaceAll("]", "")}]`)),
  junk.map((text) => `:a /*${text.replaceAll("*/", "")}*/`),
  junk.map((text) => `--${text.replaceAll("\n", "")}\n:ab`),
);

describe("a statement with values", () => {
  const ADD = namedSql("INSERT INTO movement (owner, id, amount) VALUES (:owner, :id, :amount)");
  const FIND = namedSql("SELECT amount FROM movement WHERE id = :id AND owner = :owner");
  const COUNT = namedSql("SELECT count(*) AS count FROM movement");

  it("gives each name its value, in whichever order they are written", async () => {
    await bound(db, ADD, { id: "t1", amount: 7, owner: "ann" }).run();
    expect(await bound(db, FIND, { owner: "ann", id: "t1" }).first()).toEqual({ amount: 7 });
    expect(await bound(db, FIND, { owner: "t1", id: "ann" }).first()).toBeNull();
    expect(await bound(db, COUNT).first("count")).toBe(1);
  });

  it("does not compile with a name missing, one too many, or a value that D1 does not take", () => {
    const check = () => {
      // @ts-expect-error: `owner` is missing
      bound(db, FIND, { id: "t1" });
      // @ts-expect-error: everything is missing
      bound(db, FIND);
      // @ts-expect-error: `amount` is none of its names
      bound(db, FIND, { owner: "ann", id: "t1", amount: 1 });
      // @ts-expect-error: it has none
      bound(db, COUNT, { id: "t1" });
      // @ts-expect-error: a boolean is no value
      bound(db, FIND, { owner: "ann", id: true });
    };
    expect(check).toBeTypeOf("function");
  });
});

describe("the statements of one unit of work", () => {
  const MINE = "EXISTS (SELECT 1 FROM movement WHERE id = :id AND owner = :owner)";
  const ADD = namedSql("INSERT INTO movement (owner, id, amount) VALUES (:owner, :id, :amount)");
  const DOUBLE = namedSql(`UPDATE movement SET amount = amount * 2 WHERE owner = :owner AND ${MINE}`);
  const FIND = namedSql("SELECT amount FROM movement WHERE id = :id");
  const COUNT = namedSql("SELECT count(*) > 0 AS isAny FROM movement");

  it("each take what they name of the same values", async () => {
    const values = { id: "t2", amount: 3, owner: "bob" };
    const results = await db.batch(boundAll(db, [ADD, DOUBLE, FIND, COUNT], values));
    expect(results.map((result) => result.results)).toEqual([[], [], [{ amount: 6 }], [{ isAny: 1 }]]);
  });

  it("do not compile with a name missing that any of them has, or with one that none has", () => {
    const check = () => {
      // @ts-expect-error: ADD has an `amount`
      boundAll(db, [FIND, ADD], { id: "t1", owner: "ann" });
      // @ts-expect-error: none has a `limit`
      boundAll(db, [FIND, ADD], { id: "t1", owner: "ann", amount: 1, limit: 1 });
      boundAll(db, [COUNT]);
    };
    expect(check).toBeTypeOf("function");
  });
});
