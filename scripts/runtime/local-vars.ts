import { randomUUID } from "node:crypto";

/**
 * What a local start has instead of the production defaults: it logs every request, believes a
 * client that says on which continent it is, and `BOOT_ID` is another each time, so that injected
 * faults end with the start.
 */
export function localVars(): Readonly<Record<string, string>> {
  return {
    FLUSH_WINDOW_MS: "5000",
    COMMIT_WAIT_MS_MAX: "25",
    FAULTS: "on",
    TEST_CONTINENT: "on",
    CORS_ORIGINS: "localhost",
    LOG_SAMPLE: "1",
    CHANGE_SINK: "queue",
    REALTIME_GUESTS: "on",
    BOOT_ID: randomUUID(),
  };
}
