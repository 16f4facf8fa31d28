import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TRANSCRIPT_END, TRANSCRIPT_START } from "../../scripts/runtime/welcome.ts";
import { freePort, launchScript, runtimeOf, type LaunchedScript } from "../support/launched-script.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-launcher-"));
const stateDir = join(folder, "state");
const STOP_MS_MAX = 5_000;
let port = 0;
const running: LaunchedScript[] = [];

function start(...args: readonly string[]): LaunchedScript {
  const script = launchScript(args);
  running.push(script);
  return script;
}

/** A process that was killed and that nobody has waited for yet is a zombie: ended, though its number is still taken. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

async function runTranscript(script: LaunchedScript): Promise<readonly string[]> {
  const transcript = script.stdout().split(TRANSCRIPT_START)[1]?.split(TRANSCRIPT_END)[0] ?? "exit 9";
  const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", transcript]);
  return stdout.trim().split("\n");
}

beforeAll(async () => {
  port = await freePort();
});

afterEach(async () => {
  for (const { process: child, ended } of running.splice(0)) {
    child.kill("SIGTERM");
    await ended;
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("npm start", () => {
  let secrets = "";

  it("is ready, prints a transcript that works, and stops on SIGTERM with exit code 0", async () => {
    const script = start("--port", String(port), "--state", stateDir);
    const url = await script.ready;
    expect(url).toBe(`http://localhost:${port}`);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);

    const [registered, reports, list, unfinished, home, deposited, sent, wallet, flush] = await runTranscript(script);
    expect(registered).toContain('"userId"');
    expect(reports).toBe('{"accepted":1,"ignored":0}');
    expect(list).toContain('"itemId":"big-buck-bunny"');
    expect(unfinished).toContain('"itemId":"big-buck-bunny"');
    expect(home).toContain('"continue":');
    expect([deposited, sent].map((answer) => JSON.parse(answer ?? ""))).toEqual([
      { depositId: expect.any(String), balance: 10_000 },
      { transferId: expect.any(String), status: "pending" },
    ]);
    expect(wallet).toContain('"wallet":{"balance":7500}');
    expect(flush).toMatch(/^\{"shards":\d+\}$/);

    secrets = readFileSync(join(stateDir, "secrets.json"), "utf8");
    expect(statSync(join(stateDir, "secrets.json")).mode & 0o777).toBe(0o600);
    const toldAtMs = performance.now();
    script.process.kill("SIGTERM");
    script.process.kill("SIGTERM");
    expect(await script.ended).toBe(0);
    expect(performance.now() - toldAtMs).toBeLessThan(STOP_MS_MAX);
  });

  it("keeps data and secrets from one start to the next, and lets nobody else have the folder meanwhile", async () => {
    const script = start("--port", String(port), "--state", stateDir);
    await script.ready;
    expect(readFileSync(join(stateDir, "secrets.json"), "utf8")).toBe(secrets);
    const [registered] = await runTranscript(script);
    expect(registered).toContain('"userId"');
    const overview = (await runTranscript(script)).at(-1) ?? "";
    // The first start's viewer and the operator are still there, beside those of this one.
    expect(JSON.parse(overview)).toMatchObject({ identity: { accounts: 4 } });

    const second = start("--port", String(await freePort()), "--state", stateDir);
    expect(await second.ended).toBe(1);
    expect(second.stderr().trim().split("\n")).toEqual([expect.stringContaining("in use")]);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  it("ends as a whole, and says which part it was, when the runtime dies", async () => {
    const script = start("--port", String(port), "--state", stateDir);
    await script.ready;
    process.kill(runtimeOf(script), "SIGKILL");
    expect(await script.ended).toBe(1);
    expect(script.stderr()).toContain("workerd");
  });

  it("recovers from being killed: the next start takes the folder over", async () => {
    const killed = start("--port", String(port), "--state", stateDir);
    await killed.ready;
    const orphan = runtimeOf(killed);
    killed.process.kill("SIGKILL");
    await once(killed.process, "exit");
    const next = start("--port", String(await freePort()), "--state", stateDir);
    await next.ready;
    expect(isRunning(orphan)).toBe(false);
  });
});

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

  it("for secrets that are damaged", async () => {
    const path = join(folder, "damaged-secrets");
    mkdirSync(path);
    writeFileSync(join(path, "secrets.json"), "{ half");
    expect(await oneLine(start("--port", "0", "--state", path), 1)).toContain("secrets.json");
  });
});
