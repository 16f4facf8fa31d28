import {
  chmodSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { endIfThere } from "./end-if-there.ts";
import { endKafkaOf } from "./kafka-server.ts";
import { LaunchError } from "./launch-error.ts";
import { descendantsOf, runningProcesses } from "./process-table.ts";
import { endRedisOf } from "./redis-server.ts";

/** What the launcher keeps in a state folder, and all that `--fresh` removes from it. */
const OWN_FILES = [
  "v3",
  "logs",
  "registry",
  "secrets.json",
  "secrets.env",
  "operator.env",
  "migrated.json",
  "redis",
  "kafka",
] as const;
const LOCK = "launcher.pid";
const OWNER_ONLY = { folder: 0o700, file: 0o600 } as const;
const NO_LINKS = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];
/** Others may take the lock and leave it between one look and the next, but not for ever. */
const TRIES_MAX = 5;
/** Those who work on a state folder, and so hold its lock. */
const HOLDERS = ["scripts/start.ts", "scripts/dev.ts", "scripts/migrate.ts"];

/**
 * Takes a state folder for this process: makes it if need be, locks it against a second launcher,
 * whose databases would be the same files, and keeps other users of the machine out of it. Throws
 * {@link LaunchError}.
 *
 * @returns gives the folder back
 */
export function claimStateFolder(stateDir: string, { fresh }: { readonly fresh: boolean }): () => void {
  // Whatever this process and its children make from here on is its owner's only: the databases
  // hold what the secrets guard.
  process.umask(0o077);
  try {
    mkdirSync(stateDir, { recursive: true });
    if (!statSync(stateDir).isDirectory()) throw new Error("it is not a folder");
    writeFileSync(join(stateDir, ".probe"), "");
    unlinkSync(join(stateDir, ".probe"));
  } catch (cause) {
    throw new LaunchError(
      `the state folder ${stateDir} can't be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
  const lockPath = join(stateDir, LOCK);
  takeLock(stateDir, lockPath);
  if (fresh) endRedisOf(join(stateDir, "redis"));
  if (fresh) endKafkaOf(join(stateDir, "kafka"));
  if (fresh) for (const name of OWN_FILES) rmSync(join(stateDir, name), { recursive: true, force: true });
  mkdirSync(join(stateDir, "logs"), { recursive: true });
  closeToOthers(stateDir);
  return () => rmSync(lockPath, { force: true });
}

/**
 * Writes down which runtime process belongs to the folder, so that the next launcher can end it if
 * this one is killed.
 */
export function recordRuntime(stateDir: string): void {
  const runtime = descendantsOf(process.pid).find(({ command }) => isWorkerd(command));
  if (runtime !== undefined) writeFileSync(join(stateDir, LOCK), `${process.pid}\n${runtime.pid}\n`);
}

/**
 * A lock is a file that is there with its holder's number in it from the first moment: it is
 * written elsewhere and linked into place.
 */
function takeLock(stateDir: string, lockPath: string): void {
  const mine = `${lockPath}.${process.pid}`;
  writeFileSync(mine, `${process.pid}\n`);
  try {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      if (linked(mine, lockPath)) return;
      const found = contentOf(lockPath);
      // Its holder has left since.
      if (found === null) continue;
      const [holder = 0, runtime = 0] = found.split("\n").map(Number);
      const processes = new Map(runningProcesses().map(({ pid, command }) => [pid, command]));
      const held = processes.get(holder);
      if (holder !== process.pid && held !== undefined && HOLDERS.some((script) => held.includes(script)))
        throw inUse(stateDir, `process ${holder}`);
      // A launcher that was killed leaves its runtime behind, holding the databases. Ended only if
      // it is workerd still.
      if (isWorkerd(processes.get(runtime) ?? "")) endIfThere(runtime, "SIGKILL");
      putAside(lockPath, found);
    }
    throw inUse(stateDir, "another process");
  } finally {
    rmSync(mine, { force: true });
  }
}

function inUse(stateDir: string, whom: string): LaunchError {
  return new LaunchError(`the state folder ${stateDir} is in use by ${whom}; choose another with --state`);
}

/** Null where it isn't there. */
function contentOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // A disk without links (a stick, a share of Windows): then nearly as well.
    if (code !== undefined && NO_LINKS.includes(code)) return copied(from, to);
    throw error;
  }
}

function copied(from: string, to: string): boolean {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a dead launcher's lock, and not that of another who has just done the same: a file is
 * moved by one process only.
 */
function putAside(lockPath: string, stale: string): void {
  const aside = `${lockPath}.${process.pid}.old`;
  try {
    renameSync(lockPath, aside);
  } catch {
    return;
  }
  if (readFileSync(aside, "utf8") !== stale) linked(aside, lockPath);
  rmSync(aside, { force: true });
}

/**
 * Folders made before, or by hand: what is ours in them is closed, and the folder itself where
 * nothing else is in it.
 */
function closeToOthers(stateDir: string): void {
  const names = readdirSync(stateDir);
  const own = names.filter((name) => (OWN_FILES as readonly string[]).includes(name));
  for (const name of own) {
    const path = join(stateDir, name);
    chmodSync(path, statSync(path).isDirectory() ? OWNER_ONLY.folder : OWNER_ONLY.file);
  }
  if (names.every((name) => own.includes(name) || name.startsWith(LOCK)))
    chmodSync(stateDir, OWNER_ONLY.folder);
}

function isWorkerd(command: string): boolean {
  return /(^|\/)workerd serve /.test(command);
}
