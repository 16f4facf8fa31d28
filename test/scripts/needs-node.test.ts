import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";

const run = promisify(execFile);
const GUARD = "./scripts/needs-node.js";

/** Loads the guard in a process that takes itself for another Node. */
const loadAs = async (version: string) =>
  run(
    process.execPath,
    ["-e", `Object.defineProperty(process.versions, "node", { value: "${version}" }); import("${GUARD}")`],
    {
      cwd: PROJECT_ROOT,
    },
  ).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { readonly code: number; readonly stderr: string }) => ({ code, stderr }),
  );

describe("an old Node", () => {
  it("is told in one line what to do", async () => {
    const { code, stderr } = await loadAs("20.20.2");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^playhead: Node 24 is needed, this is 20\.20\.2: .* npm rebuild node\n$/);
    expect(await loadAs("24.0.0")).toEqual({ code: 0, stderr: "" });
  });

  it("is told by every npm script", () => {
    const { scripts } = JSON.parse(readFileSync(`${PROJECT_ROOT}package.json`, "utf8")) as {
      scripts: Record<string, string>;
    };
    const unguarded = Object.entries(scripts).filter(
      ([, command]) => /\bnode\b/.test(command) && !command.includes(`--import ${GUARD}`),
    );
    expect(unguarded).toEqual([]);
    expect(readFileSync(`${PROJECT_ROOT}vitest.config.ts`, "utf8")).toContain(`import "${GUARD}"`);
  });
});

it("npm tells of none of the packages that want a newer Node than npm's own", () => {
  expect(readFileSync(`${PROJECT_ROOT}.npmrc`, "utf8")).toMatch(/^loglevel=error$/m);
});
