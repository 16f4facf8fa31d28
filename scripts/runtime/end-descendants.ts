import { descendantsOf } from "./process-table.ts";

/**
 * Ends every process below this one at once. Not its process group: a script that runs `npm start`
 * may be in it, too.
 */
export function endDescendants(): void {
  for (const { pid } of descendantsOf(process.pid)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
