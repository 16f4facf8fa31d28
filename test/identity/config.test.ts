import { describe, expect, it } from "vitest";
import { readIdentityConfig } from "../../src/identity/config.ts";

const KEY = "A".repeat(43);
const VARS = {
  LOG_LEVEL: "info",
  SESSION_AGE_MS_MAX: "15552000000",
  RATE_LIMIT_SCALE: "1",
  BREAKER_ENGINES: "",
  HEDGED_UPSTREAMS: "",
  FAULTS: "off",
  BOOT_ID: "",
};

describe("identity's config", () => {
  it("folds the operator's e-mail, and does without an operator", () => {
    const env = { ...VARS, KEY_ENCRYPTION_KEY: KEY };
    expect(readIdentityConfig({ ...env, ADMIN_EMAIL: " Op@Example.com", ADMIN_PASSWORD: "p" })).toMatchObject({
      ADMIN_EMAIL: "op@example.com",
    });
    expect(readIdentityConfig(env)).toMatchObject({ ADMIN_EMAIL: "", ADMIN_PASSWORD: "" });
    expect(readIdentityConfig(env).KEY_ENCRYPTION_KEY).toEqual(new Uint8Array(32));
  });

  it("refuses an encryption key that is not 32 bytes, without showing it", () => {
    expect(() => readIdentityConfig({ ...VARS, KEY_ENCRYPTION_KEY: "tooshort" })).toThrow(/KEY_ENCRYPTION_KEY/);
    expect(() => readIdentityConfig({ ...VARS, KEY_ENCRYPTION_KEY: "tooshort" })).not.toThrow(/tooshort/);
  });
});
