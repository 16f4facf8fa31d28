import { describe, expect, it } from "vitest";
import { isCode } from "../../../src/contracts/errors.ts";
import { byNumber, databaseFinder, historyDatabases } from "../../../src/history/data/history-databases.ts";

/** Whatever is bound under these names, beside what is no database. */
const bound = (...names: readonly string[]) => ({
  FLUSH_QUEUE: {},
  HISTORY_SHARDS: "4",
  ...Object.fromEntries(names.map((name) => [name, { name }])),
});
const namesOf = (env: object, cell?: string) => historyDatabases(env, cell).map(({ name }) => name);

describe("the history's databases", () => {
  it("are found by name, in the order of their numbers, whichever are missing", () => {
    const env = bound("HISTORY_DB_10", "HISTORY_DB_2", "HISTORY_DB_0");
    expect(namesOf(env)).toEqual(["HISTORY_DB_0", "HISTORY_DB_2", "HISTORY_DB_10"]);
    expect(historyDatabases(env).map(({ db }) => db)).toEqual([
      { name: "HISTORY_DB_0" },
      { name: "HISTORY_DB_2" },
      { name: "HISTORY_DB_10" },
    ]);
  });

  it("are those of their cell alone", () => {
    const env = bound("HISTORY_DB_0", "HISTORY_DB_US_0", "HISTORY_DB_US_1", "HISTORY_DB_US2_0");
    expect(namesOf(env)).toEqual(["HISTORY_DB_0"]);
    expect(namesOf(env, "us")).toEqual(["HISTORY_DB_US_0", "HISTORY_DB_US_1"]);
    expect(namesOf(env, "us2")).toEqual(["HISTORY_DB_US2_0"]);
    expect(namesOf(env, "jp")).toEqual([]);
  });

  it("are none whose number could be written in two ways, or is none", () => {
    expect(
      namesOf(bound("HISTORY_DB_00", "HISTORY_DB_", "HISTORY_DB_1000", "HISTORY_DB_X", "HISTORY_DB_7")),
    ).toEqual(["HISTORY_DB_7"]);
  });
});

describe("a user's database", () => {
  const numberOf = (userId: string): number => Number(userId.split("-")[1]);

  it("is the one of that number, whichever are missing before it", () => {
    const databases = historyDatabases(bound("HISTORY_DB_0", "HISTORY_DB_2"));
    const databaseOf = databaseFinder(databases, "main", numberOf);
    expect([databaseOf("user-0"), databaseOf("user-2")]).toEqual([
      { name: "HISTORY_DB_0" },
      { name: "HISTORY_DB_2" },
    ]);
    const names = byNumber(databases, (db) => db);
    expect(Object.keys(names)).toEqual(["0", "2"]);
  });

  it("is named where it isn't bound, and nobody else's is refused", () => {
    const refusal = (cell: string, env: object, userId: string): unknown => {
      try {
        return databaseFinder(historyDatabases(env, cell), cell, numberOf)(userId);
      } catch (error) {
        return isCode(error, "UNAVAILABLE") && error instanceof Error ? error.message : error;
      }
    };
    expect(refusal("main", bound("HISTORY_DB_0"), "user-1")).toBe("HISTORY_DB_1 is not bound");
    expect(refusal("us", bound("HISTORY_DB_1", "HISTORY_DB_US_0"), "user-1")).toBe(
      "HISTORY_DB_US_1 is not bound",
    );
    expect(refusal("main", bound("HISTORY_DB_0"), "user-0")).toEqual({ name: "HISTORY_DB_0" });
  });
});
