import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import type { CpuOfTrace } from "../viewing/cpu-of-trace.ts";
import { ChildProcess } from "./child-process.ts";
import type { CpuMs } from "./cpu-of-requests.ts";

/** Measures CPU time of each kind of request in a process beside this one. */
export function measureCpuBeside(viewers: number): Promise<CpuMs> {
  return beside("bench/support/cost/cpu-process.ts", viewers);
}

/** Likewise that of a trace of viewing. */
export function measureTraceBeside(viewers: number): Promise<CpuOfTrace> {
  return beside("bench/support/viewing/cpu-process.ts", viewers);
}

/** Runs a file with how many viewers there are. Answers what it answers. */
async function beside<T>(file: string, viewers: number): Promise<T> {
  const child = new ChildProcess(PROJECT_ROOT + file);
  try {
    return await child.ask<T>(viewers);
  } finally {
    child.end();
  }
}
