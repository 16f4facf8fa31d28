import { beforeEach, describe, expect, it } from "vitest";
import { RepeatFold } from "../../scripts/runtime/repeat-fold.ts";

let shown: string[] = [];
let nowMs = 0;
let fold: RepeatFold;

beforeEach(() => {
  shown = [];
  nowMs = 0;
  fold = new RepeatFold({ show: (line) => void shown.push(line), now: () => nowMs });
});

describe("a flood of lines", () => {
  it("is one line and a number, and hides no line of another kind", () => {
    for (let line = 0; line < 500; line += 1) fold.take("history down", `down ${line}`);
    fold.take("wallet down", "wallet");
    nowMs = 10_000;
    fold.sweep();
    expect(shown).toEqual(["down 0", "wallet", "… 499 more of: history down"]);
  });

  it("begins anew after ten seconds, and says nothing of what there was not", () => {
    fold.take("a", "first");
    nowMs = 10_000;
    fold.take("a", "second");
    nowMs = 20_000;
    fold.sweep();
    expect(shown).toEqual(["first", "second"]);
  });

  it("of kinds without end takes no memory without end", () => {
    for (let kind = 0; kind < 10_000; kind += 1) fold.take(`kind ${kind}`, `line ${kind}`);
    expect(shown).toHaveLength(101);
    nowMs = 10_000;
    fold.sweep();
    expect(shown.at(-1)).toBe("… 9899 more of: other lines");
  });
});
