import { describe, expect, it } from "vitest";
import { homesBy, parseCellOf } from "../../../src/identity/biz/cell-of.ts";

describe("the home of a new user", () => {
  it("is the cell of the continent, or of all others", () => {
    const homeOf = homesBy(parseCellOf("NA=us, SA=us,AS=jp,*=eu"));
    expect([homeOf("NA"), homeOf("SA"), homeOf("AS"), homeOf("EU"), homeOf("AN")]).toEqual([
      "us",
      "us",
      "jp",
      "eu",
      "eu",
    ]);
  });

  it("is main, which is never written down, where main is meant or no continent is known", () => {
    expect(homesBy(parseCellOf("NA=us,*=main"))("EU")).toBeNull();
    expect(homesBy(parseCellOf("EU=main,*=us"))("EU")).toBeNull();
    expect(homesBy(parseCellOf("NA=us,*=us"))(undefined)).toBeNull();
  });
});

describe("cells by continent, as a var names them", () => {
  it.each([
    ["", /"" is no continent/],
    ["NA=us", /\*=<cell> is missing/],
    ["NA=us,NA=main,*=main", /a continent comes twice/],
    ["*=us,*=main", /a continent comes twice/],
    ["XX=us,*=main", /"XX" is no continent: AF, AN, AS, EU, NA, OC, SA, or \*/],
    ["na=us,*=main", /"na" is no continent/],
    ["NA=shard,*=main", /"NA=shard" is no continent=cell/],
    ["NA=US,*=main", /is no continent=cell/],
    ["NA=us=jp,*=main", /is no continent=cell/],
    ["NA,*=main", /is no continent=cell/],
  ])("refuses %s, saying why", (text, why) => {
    expect(() => parseCellOf(text)).toThrow(why);
  });
});
