import { constants } from "node:os";

/**
 * Has a signal end this process as its own exit would: folders go, and so do runtimes. One that
 * comes again, as npm passes it on, cuts nothing short.
 */
export function exitOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
}
