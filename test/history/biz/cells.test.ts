import { describe, expect, it } from "vitest";
import { Cells } from "../../../src/history/biz/cells.ts";

const cellsTelling = (told: string[]) =>
  new Cells({
    parts: new Map([
      ["main", "weur"],
      ["us", "enam"],
    ]),
    onUnknown: (cell) => void told.push(cell),
  });

describe("who is of a cell", () => {
  it("is served by it; who names none is of main", () => {
    const cells = cellsTelling([]);
    expect([cells.of(), cells.of("main"), cells.of("us")]).toEqual(["weur", "weur", "enam"]);
    expect(cells.with((place) => place.length).of("us")).toBe(4);
  });

  it("that isn't there is served by no other, which is told once a cell", () => {
    const told: string[] = [];
    const cells = cellsTelling(told);
    for (const cell of ["jp", "jp", "eu", "jp"])
      expect(() => cells.of(cell)).toThrow(expect.objectContaining({ code: "UNAVAILABLE" }) as Error);
    expect(told).toEqual(["jp", "eu"]);
  });

  it("that isn't there is nobody else's trouble: it is not tried again, and counts against no breaker", () => {
    const hints = { mustNotRetry: true, failedBelow: true };
    expect(() => cellsTelling([]).of("jp")).toThrow(expect.objectContaining(hints) as Error);
  });
});
