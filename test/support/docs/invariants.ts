import type { Block } from "./texts.ts";

/** Where a number is told: `I1: …` at the beginning of a comment's line defines it. */
export interface Told {
  readonly number: string;
  readonly file: string;
  readonly isDefinition: boolean;
}

const NUMBER = /(?<![\w-])I\d+\b/g;
const DEFINITION = /^\s*(I\d+): /;

/** Every number of an invariant in the comments of a file. */
export function invariantsIn(file: string, comments: readonly Block[]): readonly Told[] {
  return comments
    .flatMap(({ text }) => text.split("\n"))
    .flatMap((line) => {
      const defined = DEFINITION.exec(line)?.[1];
      return (line.match(NUMBER) ?? []).map((number) => ({ number, file, isDefinition: number === defined }));
    });
}

/** What is wrong with them: each is defined once, and cited by code of `src/` and by a test. */
export function faultsOf(told: readonly Told[]): readonly string[] {
  return [...Map.groupBy(told, ({ number }) => number)].flatMap(([number, places]) => {
    const definitions = places.filter(({ isDefinition }) => isDefinition);
    const citations = places.filter(({ isDefinition }) => !isDefinition);
    const isCitedIn = (folder: string): boolean => citations.some(({ file }) => file.startsWith(folder));
    return [
      ...(definitions.length === 1 ? [] : [`${number} is defined ${definitions.length} times`]),
      ...(isCitedIn("src/") ? [] : [`${number} is cited by no code`]),
      ...(isCitedIn("test/") ? [] : [`${number} is cited by no test`]),
    ];
  });
}
