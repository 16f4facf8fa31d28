import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { LaunchError } from "./launch-error.ts";
import { awaitEndOfLeftBehind, endLeftBehind, type OwnServer } from "./left-behind.ts";

export const INSTALL_HINT = "redis-server isn't installed (Debian: apt-get install redis-server)";
const REDIS: OwnServer = {
  name: "redis-server",
  pidFile: "redis.pid",
  isIts: (command) => command.startsWith("redis-server"),
};
const TIMEOUT_MS = 10_000;
const POLL_MS = 25;
/**
 * One that is told to end and doesn't hangs, or runs a script without an end; below what the
 * launcher waits. What it was given is on disk, or with the system.
 */
const STOP_TIMEOUT_MS = 3_000;
/** What it has said last is shown if it doesn't start. */
const SAID_LENGTH_MAX = 2_000;

interface RedisServerOptions {
  /** Where its data and its pid are. */
  readonly dir: string;
  readonly password: string;
  /** The one it had, to come back where it was; a free one if absent. */
  readonly port?: number;
  /** False for benchmarks that are about memory: nothing is written to disk. */
  readonly appendOnly?: boolean;
  /** Hears that it has ended by itself. */
  readonly onDeath?: () => void;
}

/** A redis-server of our own. */
export interface RunningRedis {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

export function isRedisInstalled(): boolean {
  return spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status === 0;
}

/**
 * Starts redis-server on 127.0.0.1: it appends each write to a file, and refuses writes rather than
 * drop keys. Throws {@link LaunchError}.
 */
export async function startRedisServer({
  dir,
  password,
  port,
  appendOnly = true,
  onDeath,
}: RedisServerOptions): Promise<RunningRedis> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const pidFile = join(dir, REDIS.pidFile);
  await awaitEndOfLeftBehind(REDIS, dir);
  const at = port ?? (await freePort());
  // By its standard input: arguments can be read by every user of the machine, and one of these is
  // the password.
  const child = spawn("redis-server", ["-"], { cwd: dir, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-SAID_LENGTH_MAX)));
  }
  let stopping = false;
  const ended = once(child, "close").catch((cause: unknown) => {
    throw new LaunchError(INSTALL_HINT, { cause });
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(configuration({ port: at, dir, pidFile, password, appendOnly }));
  const up = async (): Promise<void> => {
    for (
      const deadline = Date.now() + TIMEOUT_MS;
      !said.includes("Ready to accept connections");
      await pause()
    ) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new LaunchError(`redis-server did not start: ${said.trim().split("\n").at(-1) ?? ""}`);
    }
  };
  try {
    await Promise.race([up(), ended.then(() => up())]);
  } catch (error) {
    // Nobody would stop it later.
    child.kill("SIGKILL");
    throw error;
  }
  void ended.then(() => void (stopping || onDeath?.()));
  const stop = async (): Promise<void> => {
    stopping = true;
    child.kill("SIGTERM");
    const patience = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(patience);
    rmSync(pidFile, { force: true });
  };
  return { port: at, pid: child.pid ?? 0, stop };
}

function configuration({
  port,
  dir,
  pidFile,
  password,
  appendOnly,
}: {
  readonly port: number;
  readonly dir: string;
  readonly pidFile: string;
  readonly password: string;
  readonly appendOnly: boolean;
}): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${JSON.stringify(dir)}`,
    `pidfile ${JSON.stringify(pidFile)}`,
    `requirepass ${JSON.stringify(password)}`,
    `appendonly ${appendOnly ? "yes" : "no"}`,
    "maxmemory-policy noeviction",
    'save ""',
    "",
  ].join("\n");
}

/** Ends a server that was left behind in this folder, whose data is about to be removed. */
export function endRedisOf(dir: string): void {
  endLeftBehind(REDIS, dir);
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
