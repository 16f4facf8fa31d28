import { randomUUID } from "node:crypto";

/**
 * What a local start has instead of the production defaults. `BOOT_ID` is another each time, so
 * that injected faults end with the start.
 */
export function localVars(): Readonly<Record<string, string>> {
  return {
    FLUSH_WINDOW_MS: "5000",
    COMMIT_WAIT_MS_MAX: "25",
    FAULTS: "on",
    CORS_ORIGINS: "localhost",
    BOOT_ID: randomUUID(),
  };
}
