import { describe, expect, it } from "vitest";
import { isCellName, parseCells } from "../../src/contracts/cell.ts";

describe("cells as a var names them", () => {
  it("are read in their order, each with its place or none", () => {
    expect(parseCells("main")).toEqual([{ name: "main", locationHint: null }]);
    expect(parseCells("main:weur, us:enam,jp:apac-ne")).toEqual([
      { name: "main", locationHint: "weur" },
      { name: "us", locationHint: "enam" },
      { name: "jp", locationHint: "apac-ne" },
    ]);
  });

  it.each([
    ["", /is no cell/],
    ["us:enam", /main is missing/],
    ["main,us,us:enam", /named twice/],
    ["main,shard", /not "shard" or "sub"/],
    ["main,sub:weur", /not "shard" or "sub"/],
    ["main,US", /is no cell/],
    ["main,a-b", /is no cell/],
    ["main,us:enam:weur", /is no cell/],
    ["main,us:moon", /"moon" is no location hint/],
    ["main,us:", /is no location hint/],
    [`main,${Array.from({ length: 32 }, (_, index) => `c${index}`).join(",")}`, /32 cells at most/],
  ])("refuses %s, saying why", (text, why) => {
    expect(() => parseCells(text)).toThrow(why);
  });

  it("have names that can stand in front of a number, and none of another's", () => {
    for (const name of ["main", "us", "jp2", "a".repeat(16)]) expect(isCellName(name)).toBe(true);
    for (const name of ["shard", "sub", "", "2jp", "a".repeat(17), "a-1", "Us", "us\n", 7, null, undefined])
      expect(isCellName(name)).toBe(false);
  });
});
