import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { LaunchedScripts, type LaunchedScript } from "../support/platforms/launched-script.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-refusals-"));
const scripts = new LaunchedScripts();

const startAs = (login: Readonly<Record<string, string>>, ...args: readonly string[]): LaunchedScript =>
  scripts.start(args, login);
const start = (...args: readonly string[]): LaunchedScript => scripts.start(args);

afterEach(() => scripts.end());

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("npm start says in one line what is wrong", () => {
  const oneLine = async (script: LaunchedScript, exitCode: number): Promise<string> => {
    expect(await script.ended).toBe(exitCode);
    const lines = script.stderr().trim().split("\n");
    expect(lines).toHaveLength(1);
    return lines[0] ?? "";
  };

  it.each([
    [["--wat"], "--wat"],
    [["--port", "eighty"], "--port"],
    [["--var", "FLUSH_WINDOW:1"], "FLUSH_WINDOW"],
    [["--var", "nonsense"], "--var"],
    [["positional"], "positional"],
    [["--port", "0", "--state", join(folder, "bad-var"), "--var", "FLUSH_WINDOW_MS:5"], "100 … 3600000"],
  ])("for the arguments %j", async (args, named) => {
    expect(await oneLine(start(...args), 2)).toContain(named);
  });

  it("for a port that is taken", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const address = squatter.address();
    const taken = typeof address === "object" ? String(address?.port) : "";
    try {
      expect(await oneLine(start("--port", taken, "--state", join(folder, "unused")), 1)).toContain(taken);
    } finally {
      squatter.close();
    }
  });

  it("for a state folder that is a file", async () => {
    const path = join(folder, "a-file");
    writeFileSync(path, "");
    expect(await oneLine(start("--port", "0", "--state", path), 1)).toContain(path);
  });

  it("for an operator's password that is too short, with the rule", async () => {
    const script = startAs(
      { ADMIN_PASSWORD: "short" },
      "--port",
      "0",
      "--state",
      join(folder, "short-password"),
    );
    expect(await oneLine(script, 1)).toContain("10 to 200 characters");
  });

  it("for secrets that are damaged", async () => {
    const path = join(folder, "damaged-secrets");
    mkdirSync(path);
    writeFileSync(join(path, "secrets.json"), "{ half");
    expect(await oneLine(start("--port", "0", "--state", path), 1)).toContain("secrets.json");
  });
});
