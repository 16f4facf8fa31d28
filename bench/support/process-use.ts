import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const MS_PER_TICK = 10;

/** The runtimes (workerd) that this process has started and that run now. */
export function runtimes(): readonly number[] {
  const listed = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)], {
    encoding: "utf8",
  });
  return [...listed.matchAll(/^\s*(\d+) .*workerd serve/gm)].map(([, pid]) => Number(pid));
}

/**
 * CPU time a process has used, in ms (Linux only: /proc/<pid>/stat, ticks of 10 ms). Far less noisy
 * than requests per second.
 */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** Memory of a process that is in the machine's, in bytes (Linux only). */
export function memoryBytesOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}

/** How many descriptors a process may have open. */
export function descriptorsMaxOf(pid: number): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1]);
}
