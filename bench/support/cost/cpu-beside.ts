import { fork } from "node:child_process";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import type { CpuOfTrace } from "../viewing/cpu-of-trace.ts";
import type { CpuMs } from "./cpu-of-requests.ts";

/** Measures CPU time of each kind of request in a process beside this one. */
export function measureCpuBeside(viewers: number): Promise<CpuMs> {
  return beside("bench/support/cost/cpu-process.ts", viewers);
}

/** Likewise that of a trace of viewing. */
export function measureTraceBeside(viewers: number): Promise<CpuOfTrace> {
  return beside("bench/support/viewing/cpu-process.ts", viewers);
}

/** Runs a file with how many viewers there are. Answers what it sends. */
function beside<T>(file: string, viewers: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(PROJECT_ROOT + file, [String(viewers)]);
    child.once("message", (measured) => resolve(measured as T));
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code !== 0) reject(new Error(`measuring CPU time ended with ${code}`));
    });
  });
}
