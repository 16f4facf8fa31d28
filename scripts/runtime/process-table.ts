import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** A process that runs on this machine. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** Its program and arguments, separated by blanks. */
  readonly command: string;
}

/**
 * Every process on this machine: from /proc where there is one, which takes no program, else
 * (macOS, BSD) from `ps`.
 */
export function runningProcesses(): readonly RunningProcess[] {
  return existsSync("/proc/self/stat") ? processesInProc() : processesOfPs();
}

/** All that a process has started, and they in turn, and so on. */
export function descendantsOf(pid: number, processes = runningProcesses()): readonly RunningProcess[] {
  const children = processes.filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child, ...descendantsOf(child.pid, processes)]);
}

export function processesInProc(): readonly RunningProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        // The name of the program stands in brackets and may hold anything; behind the last one:
        // state, parent.
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return [{ pid: Number(name), parent, command }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

export function processesOfPs(): readonly RunningProcess[] {
  const table = execFileSync("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="], {
    encoding: "utf8",
    maxBuffer: 64_000_000,
  });
  return [...table.matchAll(/^\s*(\d+)\s+(\d+) (.*)$/gm)].map(([, pid, parent, command = ""]) => ({
    pid: Number(pid),
    parent: Number(parent),
    command: command.trim(),
  }));
}
