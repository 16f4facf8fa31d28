import { fork } from "node:child_process";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import type { CpuMs } from "./cpu-of-requests.ts";

/** Measures CPU time in a process beside this one. */
export function measureCpuBeside(viewers: number): Promise<CpuMs> {
  return new Promise((resolve, reject) => {
    const child = fork(`${PROJECT_ROOT}bench/support/cost/cpu-process.ts`, [String(viewers)]);
    child.once("message", (measured) => resolve(measured as CpuMs));
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code !== 0) reject(new Error(`measuring CPU time ended with ${code}`));
    });
  });
}
