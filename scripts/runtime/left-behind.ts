import { existsSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { endIfThere } from "./end-if-there.ts";
import { LaunchError } from "./launch-error.ts";
import { runningProcesses } from "./process-table.ts";

const TIMEOUT_MS = 10_000;
const POLL_MS = 25;

/** A server that a launcher starts, and leaves behind when it is killed. */
export interface OwnServer {
  readonly name: string;
  /** In its folder. */
  readonly pidFile: string;
  /** Whether a process with this command line may be it. */
  readonly isIts: (command: string) => boolean;
}

/**
 * Ends a server that was left behind in this folder, whose data is about to be removed: with its
 * pid, nobody would find it again.
 */
export function endLeftBehind(server: OwnServer, dir: string): void {
  const pid = pidIn(join(dir, server.pidFile));
  if (isServerOf(server, dir, pid)) endIfThere(pid, "SIGKILL");
}

/**
 * A launcher that was killed leaves its server behind, and a second one on the same files would
 * spoil them. Ended only if it is that server still. Throws {@link LaunchError} if it doesn't end.
 */
export async function awaitEndOfLeftBehind(server: OwnServer, dir: string): Promise<void> {
  const pid = pidIn(join(dir, server.pidFile));
  if (!isServerOf(server, dir, pid)) return;
  endIfThere(pid, "SIGTERM");
  for (
    const deadline = Date.now() + TIMEOUT_MS;
    isServerOf(server, dir, pid);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  ) {
    if (Date.now() > deadline)
      throw new LaunchError(`the ${server.name} of an earlier start, process ${pid}, does not end`);
  }
}

function pidIn(pidFile: string): number {
  return existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : 0;
}

/**
 * A number is given again, after a restart of the machine nearly at once: it may be the server of
 * another folder by now.
 */
function isServerOf({ isIts }: OwnServer, dir: string, pid: number): boolean {
  return (
    pid > 0 &&
    runningProcesses().some((process) => process.pid === pid && isIts(process.command)) &&
    worksIn(dir, pid)
  );
}

/** Where the system doesn't say where a process works, its name must do. */
function worksIn(dir: string, pid: number): boolean {
  if (!existsSync("/proc/self/cwd")) return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dir);
  } catch {
    return false;
  }
}
