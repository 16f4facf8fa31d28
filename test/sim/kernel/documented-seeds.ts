import { readFileSync } from "node:fs";

/** Seeds to try, in this order, of a guard by its name; `column` 1 is the first after the name. */
export type SeedsToTry = (name: string, column: number, seedsMax: number) => readonly number[];

/**
 * The seeds by which a simulator's document says that each broken guard is caught. To try those is
 * enough to know that they still catch it; that none before them does is what takes minutes to find
 * out, and is found out where just that is asked for (`FIRST_SEEDS=search`, as `npm run test:long`
 * does). One beyond `seedsMax` was found by a long search, and is then tried last.
 */
export function documentedSeeds(path: string): SeedsToTry {
  const searches = process.env["FIRST_SEEDS"] === "search";
  const rows = readFileSync(path, "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const byName = new Map(rows.map(([, name = "", ...cells]) => [name, cells]));
  return (name, column, seedsMax) => {
    const [seed] = /\d+$/.exec(byName.get(name)?.[column - 1] ?? "") ?? [];
    const known = seed === undefined ? [] : [Number(seed)];
    const first = Array.from({ length: seedsMax }, (_, index) => index + 1);
    return searches ? [...first, ...known] : [...known, ...first];
  };
}
