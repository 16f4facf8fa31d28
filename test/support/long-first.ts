import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest, the longest first. Begun last, each would keep one core busy for a
 * minute while the other has nothing left to do.
 */
export const LONG = [
  "e2e/launcher",
  "sim/ledger/ledger-sim",
  "e2e/upgrade",
  "sim/history/history-sim",
  "e2e/two-cells",
  "e2e/story",
  "sim/resilience/overload-sim",
  "e2e/launcher-refusals",
  "e2e/money",
  "e2e/recipes",
  "wires/slow-account",
  "sim/resilience/breaker-crowd",
].map((name) => `/test/${name}.test.ts`);

/** Runs {@link LONG} first and all others as Vitest would. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONG.findIndex((path) => moduleId.endsWith(path));
      return index < 0 ? LONG.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
