import { describe, expect, it } from "vitest";
import { faultsOf, invariantsIn } from "./support/docs/invariants.ts";
import { repositoryFiles } from "./support/docs/repository-files.ts";
import { commentsAndCode } from "./support/docs/texts.ts";

const repository = repositoryFiles();
const sources = repository.files.filter(
  (file) => /^(?:src|test)\/.*\.ts$/.test(file) && !/^test\/(?:support\/docs\/|invariants\.)/.test(file),
);

const told = (file: string, source: string) => invariantsIn(file, commentsAndCode(file, source).comments);

describe("an invariant with a number", () => {
  it("is defined once, and cited where the code keeps it and above what proves it", () => {
    const all = sources.flatMap((file) => told(file, repository.read(file)));
    expect(new Set(all.map(({ number }) => number)).size).toBeGreaterThan(20);
    expect(faultsOf(all)).toEqual([]);
  });

  const head = "/*\n * I1: It holds.\n */\n";
  it.each([
    ["that nobody has defined", "// I2\nkeep();\n", "// I2\n", "I2 is defined 0 times"],
    ["that is defined twice", `${head}${head}// I1\nkeep();\n`, "// I1\n", "I1 is defined 2 times"],
    ["that no code keeps", head, "// I1\n", "I1 is cited by no code"],
    ["that no test proves", `${head}// I1\nkeep();\n`, "", "I1 is cited by no test"],
  ])("%s is told", (_what, code, test, fault) => {
    expect(faultsOf([...told("src/a.ts", code), ...told("test/a.test.ts", test)])).toEqual([fault]);
  });

  it("is no name that only looks like one", () => {
    expect(told("src/a.ts", 'const I1 = "I2"; // PI3, X-I4\n')).toEqual([]);
  });
});
