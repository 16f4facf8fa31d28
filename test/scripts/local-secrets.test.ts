import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { localSecrets } from "../../scripts/runtime/secrets.ts";
import { readIdentityConfig } from "../../src/identity/config.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-secrets-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the secrets of a local start", () => {
  it.each(["z", "zzzzzzzzz", "z".repeat(201), ""])(
    "refuse the operator's password %j with the rule, before any worker does",
    (ADMIN_PASSWORD) => {
      expect(() => localSecrets(folder, { ADMIN_PASSWORD })).toThrow(
        "ADMIN_PASSWORD must have 10 to 200 characters",
      );
    },
  );

  it("are taken by identity as they are made, and as the environment has them", () => {
    const vars = {
      LOG_LEVEL: "info",
      RATE_LIMIT_SCALE: "1",
      SESSION_AGE_MS_MAX: "15552000000",
      REFRESH_LEEWAY_MS: "10000",
      CELLS: "main",
      CELL_OF: "*=main",
      BREAKER_ENGINES: "",
      HEDGED_UPSTREAMS: "",
      FAULTS: "off",
      BOOT_ID: "",
    };
    for (const environment of [{}, { ADMIN_PASSWORD: "ten letters" }]) {
      const secrets = localSecrets(folder, environment);
      expect(readIdentityConfig({ ...vars, ...secrets }).ADMIN_PASSWORD).toBe(secrets.ADMIN_PASSWORD);
    }
  });
});
