import { execFile, spawnSync } from "node:child_process";
import { DatabaseSync } from "node:sqlite";
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { descendantsOf } from "../../scripts/runtime/process-table.ts";
import { TRANSCRIPT_END, TRANSCRIPT_START } from "../../scripts/runtime/welcome.ts";
import {
  freePort,
  LaunchedScripts,
  runtimeOf,
  type LaunchedScript,
} from "../support/platforms/launched-script.ts";
import { GoimTcpClient } from "../support/sockets/goim-tcp-client.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-launcher-"));
const stateDir = join(folder, "state");
const STOP_MS_MAX = 5_000;
let port = 0;
const scripts = new LaunchedScripts();

const startAs = (login: Readonly<Record<string, string>>, ...args: readonly string[]): LaunchedScript =>
  scripts.start(args, login);
const start = (...args: readonly string[]): LaunchedScript => scripts.start(args);

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const post = (path: string, body: unknown, token = ""): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method: path.endsWith("/faults") ? "PUT" : "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
const signIn = async (email: string, password: string): Promise<string> => {
  const response = await post("/v1/account/login", { email, password });
  const { accessToken }: { readonly accessToken: string } = await response.json();
  return accessToken;
};

/**
 * A process that was killed and that nobody has waited for yet is a zombie: ended, though its
 * number is still taken.
 */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

/** The number of the runtime that a launcher has written down, 0 where it hasn't yet. */
function runtimeNoted(state: string): number {
  return Number(readFileSync(join(state, "launcher.pid"), "utf8").split("\n")[1]);
}

/** Runs one statement in identity's database; nobody else may have the folder open. */
function inIdentity(sql: string): void {
  for (const path of globSync("v3/d1/**/*.sqlite", { cwd: stateDir })) {
    const db = new DatabaseSync(join(stateDir, path));
    try {
      if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'cell'").get() !== undefined) db.exec(sql);
    } finally {
      db.close();
    }
  }
}

async function runTranscript(script: LaunchedScript): Promise<readonly string[]> {
  const transcript = script.stdout().split(TRANSCRIPT_START)[1]?.split(TRANSCRIPT_END)[0] ?? "exit 9";
  const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", transcript]);
  return stdout.trim().split("\n");
}

beforeAll(async () => {
  port = await freePort();
});

afterEach(() => scripts.end());

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("npm start", () => {
  let secrets = "";
  const viewer = { email: "viewer@example.com", password: "correct horse battery" };

  it("is ready, prints a transcript that works, and stops on SIGTERM with exit code 0", async () => {
    const tcpPort = await freePort();
    const ports = ["--port", String(port), "--tcp-port", String(tcpPort)];
    const script = start(...ports, "--state", stateDir);
    const url = await script.ready;
    expect(url).toBe(`http://localhost:${port}`);
    for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
      const response = await fetch(`http://${host}:${port}/readyz`, {
        headers: { origin: "http://localhost:5173" },
      });
      expect([host, response.status]).toEqual([host, 200]);
      expect(response.headers.get("access-control-allow-origin")).toBe("http://localhost:5173");
    }

    expect(script.stdout()).toContain(`ws://localhost:${port}/sub  and over TCP 127.0.0.1:${tcpPort}`);
    const guest = await GoimTcpClient.connect(tcpPort);
    await guest.send(7, 1, { mid: 1 });
    expect(await guest.next()).toEqual({ op: 8, seq: 1, body: "" });

    const [registered, reports, list, unfinished, home, deposited, sent, wallet, flush] =
      await runTranscript(script);
    expect(registered).toContain('"userId"');
    expect(reports).toMatch(/^\{"accepted":1,"ignored":0,"nextReportMs":\d+,"now":\d+\}$/);
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
    expect(["", "v3", "logs", "v3/d1"].map((name) => modeOf(join(stateDir, name)))).toEqual([
      "700",
      "700",
      "700",
      "700",
    ]);
    expect(
      ["secrets.json", "operator.env", "logs/playhead.ndjson"].map((name) => modeOf(join(stateDir, name))),
    ).toEqual(["600", "600", "600"]);
    const toldAtMs = performance.now();
    script.process.kill("SIGTERM");
    script.process.kill("SIGTERM");
    expect(await script.ended).toBe(0);
    expect(performance.now() - toldAtMs).toBeLessThan(STOP_MS_MAX);
  });

  it("keeps data and secrets from one start to the next, closes what was open, and lets nobody else have the folder meanwhile", async () => {
    for (const path of [stateDir, join(stateDir, "v3")]) chmodSync(path, 0o755);
    // Another operator than before, with all in the password that shells and JSON texts know.
    const script = startAs(
      { ADMIN_EMAIL: "other@example.com", ADMIN_PASSWORD: `it's "a" $HOME \`id\` \\ password` },
      "--port",
      String(port),
      "--state",
      stateDir,
    );
    await script.ready;
    expect([stateDir, join(stateDir, "v3")].map(modeOf)).toEqual(["700", "700"]);
    expect(readFileSync(join(stateDir, "secrets.json"), "utf8")).toBe(secrets);
    const [registered] = await runTranscript(script);
    expect(registered).toContain('"userId"');
    const overview = (await runTranscript(script)).at(-1) ?? "";
    await post("/v1/account/register", viewer);
    // The first start's viewer and operator are still there, beside those of this one.
    expect(JSON.parse(overview)).toMatchObject({ identity: { accounts: 5 } });

    const second = start("--port", String(await freePort()), "--state", stateDir);
    expect(await second.ended).toBe(1);
    expect(second.stderr().trim().split("\n")).toEqual([expect.stringContaining("in use")]);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  it("calls nobody an operator who is none", async () => {
    const script = startAs(
      { ADMIN_EMAIL: viewer.email, ADMIN_PASSWORD: viewer.password },
      "--port",
      String(port),
      "--state",
      stateDir,
    );
    await script.ready;
    expect(script.stdout()).toMatch(/operator {2}none: viewer@example\.com is an account already/);
    expect(script.stdout()).not.toContain("/v1/ops/");
    expect(existsSync(join(stateDir, "operator.env"))).toBe(false);
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
    const next = start("--port", String(port), "--state", stateDir);
    await next.ready;
    expect(isRunning(orphan)).toBe(false);
  });

  it("shows a flood of errors as a few lines, and goes on without its reader", async () => {
    const script = start("--port", String(port), "--state", stateDir);
    await script.ready;
    const { ADMIN_EMAIL, ADMIN_PASSWORD } = JSON.parse(
      readFileSync(join(stateDir, "secrets.json"), "utf8"),
    ) as Record<string, string>;
    const token = await signIn(ADMIN_EMAIL ?? "", ADMIN_PASSWORD ?? "");
    await post("/v1/ops/faults", { target: "history", errorRate: 1 }, token);
    const trouble = async (): Promise<void> => {
      for (let call = 0; call < 30; call += 1) {
        await fetch(`http://127.0.0.1:${port}/v1/history`, { headers: { authorization: `Bearer ${token}` } });
      }
    };
    await trouble();
    const lines = script.stderr().trim().split("\n");
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(8);
    // What `npm start 2>&1 | grep -m1 ready` does: the next line has no reader.
    script.process.stdout?.destroy();
    script.process.stderr?.destroy();
    await post("/v1/ops/faults", { target: "wallet", errorRate: 1 }, token);
    await fetch(`http://127.0.0.1:${port}/v1/wallet`, { headers: { authorization: `Bearer ${token}` } });
    await trouble();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    script.process.kill("SIGTERM");
    expect(await script.ended).toBe(0);
  });

  it("says at once that a cell with users is missing", async () => {
    await scripts.end();
    inIdentity("INSERT INTO cell (name, first_user_at) VALUES ('us', 1)");
    const refused = start("--port", String(port), "--state", stateDir);
    expect(await refused.ended).toBe(2);
    expect(refused.stderr().trim().split("\n").at(-1)).toMatch(
      /^playhead: bad configuration: CELLS: lacks the cell us, which has users/,
    );
    expect(refused.stdout()).not.toContain("ready http");
    inIdentity("DELETE FROM cell");
  });

  it("stops at once while it migrates, with nothing left behind and nothing begun", async () => {
    const fresh = join(folder, "interrupted");
    const script = start("--port", "0", "--state", fresh);
    const started = () => descendantsOf(script.process.pid ?? 0);
    await vi.waitUntil(() => started().some(({ command }) => command.includes("workerd serve")), {
      timeout: 20_000,
      interval: 5,
    });
    const pids = started().map(({ pid }) => pid);
    expect(script.stdout()).toContain("migrating");
    const toldAtMs = performance.now();
    script.process.kill("SIGINT");
    expect(await script.ended).toBe(0);
    expect(performance.now() - toldAtMs).toBeLessThan(2_000);
    expect(script.stdout()).toContain("stopping");
    expect(script.stdout()).not.toContain("bundling");
    await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), 1_000);
  });

  it("leaves nothing in the way when it is killed while it migrates", async () => {
    const killed = join(folder, "killed");
    const script = start("--port", "0", "--state", killed);
    await vi.waitUntil(() => existsSync(join(killed, "launcher.pid")) && runtimeNoted(killed) > 0, {
      timeout: 20_000,
      interval: 5,
    });
    const left = runtimeNoted(killed);
    script.process.kill("SIGKILL");
    await script.ended;
    expect(script.stdout()).not.toContain("bundling");
    const next = start("--port", "0", "--state", killed);
    await next.ready;
    expect(isRunning(left)).toBe(false);
    next.process.kill("SIGINT");
    expect(await next.ended).toBe(0);
  });

  it("says that the runtime has frozen, and ends it", async () => {
    const script = start("--port", String(port), "--state", stateDir);
    await script.ready;
    const runtime = runtimeOf(script);
    process.kill(runtime, "SIGSTOP");
    expect(await script.ended).toBe(1);
    expect(script.stderr().trim().split("\n").at(-1)).toContain("the runtime (workerd) has frozen");
    expect(isRunning(runtime)).toBe(false);
  });
});
