import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LaunchError } from "./launch-error.ts";
import { endRedisOf } from "./redis-server.ts";

/** What the launcher keeps in a state folder, and all that `--fresh` removes from it. */
const OWN_FILES = ["v3", "logs", "registry", "secrets.json", "secrets.env", "migrated.json", "redis"] as const;
const LOCK = "launcher.pid";

/**
 * Takes a state folder for this process: makes it if need be, and locks it against a second launcher, whose databases would be the same
 * files. Throws {@link LaunchError}.
 *
 * @returns gives the folder back
 */
export function claimStateFolder(stateDir: string, { fresh }: { readonly fresh: boolean }): () => void {
  try {
    mkdirSync(stateDir, { recursive: true });
    if (!statSync(stateDir).isDirectory()) throw new Error("it is not a folder");
    writeFileSync(join(stateDir, ".probe"), "");
    unlinkSync(join(stateDir, ".probe"));
  } catch (cause) {
    throw new LaunchError(`the state folder ${stateDir} can't be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const lockPath = join(stateDir, LOCK);
  const holder = existsSync(lockPath) ? Number(readFileSync(lockPath, "utf8").split("\n")[0]) : 0;
  if (holder > 0 && holder !== process.pid && isLauncher(holder)) {
    throw new LaunchError(`the state folder ${stateDir} is in use by process ${holder}; choose another with --state`);
  }
  endOrphan(lockPath);
  writeFileSync(lockPath, `${process.pid}\n`);
  if (fresh) endRedisOf(join(stateDir, "redis"));
  if (fresh) for (const name of OWN_FILES) rmSync(join(stateDir, name), { recursive: true, force: true });
  mkdirSync(join(stateDir, "logs"), { recursive: true });
  return () => rmSync(lockPath, { force: true });
}

/** Writes down which runtime process belongs to the folder, so that the next launcher can end it if this one is killed. */
export function recordRuntime(stateDir: string): void {
  const runtime = childrenOf(process.pid).find(isWorkerd);
  if (runtime !== undefined) writeFileSync(join(stateDir, LOCK), `${process.pid}\n${runtime}\n`);
}

/** A launcher that was killed leaves its runtime behind, holding the databases. Ended only if it is workerd still. */
function endOrphan(lockPath: string): void {
  if (!existsSync(lockPath)) return;
  const orphan = Number(readFileSync(lockPath, "utf8").split("\n")[1] ?? 0);
  if (orphan > 0 && isWorkerd(orphan)) process.kill(orphan, "SIGKILL");
}

function isLauncher(pid: number): boolean {
  return commandOf(pid).includes("scripts/start.ts") || commandOf(pid).includes("scripts/dev.ts");
}

function isWorkerd(pid: number): boolean {
  return commandOf(pid).split("\0")[0]?.endsWith("workerd") ?? false;
}

/** A process's command line, empty if there is no such process (or no /proc, as on macOS: then nothing is ever ended). */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").map(Number),
    );
  } catch {
    return [];
  }
}
