import { readFileSync } from "node:fs";

/**
 * The seeds by which a simulator's document says that each broken guard is caught, by the guard's
 * name and the column (1 is the first after the name). To try those is enough to know that they
 * still catch it; that none before them does is what takes a minute to find out. Knows nothing
 * where just that is asked for: with `-u`, and in `npm run test:long` (`FIRST_SEEDS=search`).
 */
export function documentedSeeds(path: string): (name: string, column: number) => number | null {
  if (process.env["FIRST_SEEDS"] === "search") return () => null;
  const rows = readFileSync(path, "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const byName = new Map(rows.map(([, name = "", ...cells]) => [name, cells]));
  return (name, column) => {
    const [seed] = /\d+$/.exec(byName.get(name)?.[column - 1] ?? "") ?? [];
    return seed === undefined ? null : Number(seed);
  };
}
