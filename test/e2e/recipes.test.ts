import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeOperatorEnv } from "../../scripts/runtime/operator.ts";
import { PROJECT_ROOT } from "../../scripts/runtime/project-root.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";
import { runRecipes } from "../support/platforms/http-recipes.ts";

let platform: E2ePlatform;

// A fresh one for each: what the breakers remember of recipes is no newcomer's.
const onAFreshPlatform = (): void => {
  beforeAll(async () => {
    platform = await startE2ePlatform();
  });
  afterAll(() => platform.stop());
};

describe("the recipes in docs/http", () => {
  onAFreshPlatform();

  it.each(globSync("docs/http/*.http", { cwd: PROJECT_ROOT }).sort())(
    "%s answers what it says",
    async (path) => {
      const { ADMIN_EMAIL, ADMIN_PASSWORD } = platform.secrets;
      const variables = { url: platform.url, adminEmail: ADMIN_EMAIL, adminPassword: ADMIN_PASSWORD };
      const results = await runRecipes(readFileSync(PROJECT_ROOT + path, "utf8"), variables);
      expect(results.length).toBeGreaterThan(3);
      expect(results.map(({ title, status }) => [title, status])).toEqual(
        results.map(({ title, expected }) => [title, expected]),
      );
    },
  );
});

describe("README", () => {
  onAFreshPlatform();

  const readme = readFileSync(`${PROJECT_ROOT}README.md`, "utf8");
  const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);

  it("begins with the two commands", () => {
    expect(blocks[0]).toContain("npm ci && npm start");
    expect(blocks[0]).toContain("npm cit");
  });

  it("shows transcripts that work as they stand, one after the other", async () => {
    const transcript = blocks.find((block) => block.includes("API=http://localhost:8787")) ?? "exit 9";
    const money = blocks.find((block) => block.includes("/v1/transfers")) ?? "exit 9";
    const sockets = blocks.find((block) => block.includes("/v1/realtime/tickets")) ?? "exit 9";
    const trouble = blocks.find((block) => block.includes("/v1/ops/faults")) ?? "exit 9";
    const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = platform.secrets;
    const folder = mkdtempSync(join(tmpdir(), "playhead-readme-"));
    writeOperatorEnv(folder, { email, password }, "operator");
    const script = `${transcript}\n${money}\n${sockets}\n${trouble}`
      .replace("http://localhost:8787", platform.url)
      .replace(".wrangler/state", folder);
    // As a newcomer's terminal is: nobody has set the operator's login there.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("ADMIN_")),
    ) as NodeJS.ProcessEnv;
    const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], { env });
    rmSync(folder, { recursive: true });
    expect(stdout).toContain('{"accepted":1,"ignored":0,');
    expect(stdout).toContain('"itemId":"big-buck-bunny","positionMs":61000');
    expect(stdout).toContain('{"wallet":{"balance":7500},"savings":{"balance":2500},"inFlight":0}');
    expect(stdout).toContain('{"ok":true,"ledgers":');
    expect(stdout).toMatch(/^\{"ticket":"eyJ$/m);
    expect(stdout).toContain("\ntv: is told by phone to pause\n");
    expect(stdout).toMatch(/"continue":null,"wallet":\{[^[]*,"degraded":\["continue"\]/);
    expect(stdout).toMatch(/"upstream":"history","state":"(open|half_open)"/);
    expect(stdout.trim().endsWith('{"faults":[]}')).toBe(true);
    // The thirty refusals are one line.
    expect(stdout).toMatch(/^(503 ){30}$/m);
  });

  it("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(`${PROJECT_ROOT}package.json`, "utf8")) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
    expect(named.length).toBeGreaterThan(3);
  });
});
