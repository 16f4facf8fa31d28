import { describe, expect, it } from "vitest";
import { readIdentityConfig } from "../../src/identity/config.ts";

const KEY = "A".repeat(43);
const VARS = {
  LOG_LEVEL: "info",
  SESSION_AGE_MS_MAX: "15552000000",
  REFRESH_LEEWAY_MS: "10000",
  CELLS: "main",
  CELL_OF: "*=main",
  RATE_LIMIT_SCALE: "1",
  BREAKER_ENGINES: "",
  HEDGED_UPSTREAMS: "",
  FAULTS: "off",
  BOOT_ID: "",
};

describe("identity's config", () => {
  it("folds the operator's e-mail, and does without an operator", () => {
    const env = { ...VARS, KEY_ENCRYPTION_KEY: KEY };
    expect(
      readIdentityConfig({ ...env, ADMIN_EMAIL: " Op@Example.com", ADMIN_PASSWORD: "ten letters" }),
    ).toMatchObject({
      ADMIN_EMAIL: "op@example.com",
    });
    expect(readIdentityConfig(env)).toMatchObject({ ADMIN_EMAIL: "", ADMIN_PASSWORD: "" });
    expect(readIdentityConfig(env).KEY_ENCRYPTION_KEY).toEqual([new Uint8Array(32)]);
  });

  it("refuses an encryption key that is not 32 bytes, without showing it", () => {
    expect(() => readIdentityConfig({ ...VARS, KEY_ENCRYPTION_KEY: "tooshort" })).toThrow(
      /KEY_ENCRYPTION_KEY/,
    );
    expect(() => readIdentityConfig({ ...VARS, KEY_ENCRYPTION_KEY: "tooshort" })).not.toThrow(/tooshort/);
  });

  it("takes up to four encryption keys, of which the first seals", () => {
    const next = `${"A".repeat(42)}E`;
    const keysIn = (text: string) =>
      readIdentityConfig({ ...VARS, KEY_ENCRYPTION_KEY: text }).KEY_ENCRYPTION_KEY.map((key) => key[31]);
    expect(keysIn(`${next}, ${KEY}`)).toEqual([1, 0]);
    for (const bad of ["", `${KEY},`, `${KEY} ${KEY}`, [KEY, KEY, KEY, KEY, KEY].join(",")])
      expect(() => keysIn(bad)).toThrow(/KEY_ENCRYPTION_KEY/);
  });

  it("has homes for all continents, in cells that there are", () => {
    const read = (vars: Readonly<Record<string, string>>) =>
      readIdentityConfig({ ...VARS, KEY_ENCRYPTION_KEY: KEY, ...vars });
    const { CELLS, CELL_OF } = read({ CELLS: "main:weur,us:enam", CELL_OF: "NA=us,*=main" });
    expect(CELLS.map(({ name }) => name)).toEqual(["main", "us"]);
    expect(Object.fromEntries(CELL_OF)).toEqual({ NA: "us", "*": "main" });
    expect(() => read({ CELL_OF: "NA=us,*=main" })).toThrow("CELL_OF: must name cells that are in CELLS");
    expect(() => read({ CELL_OF: "NA=main" })).toThrow("CELL_OF: *=<cell> is missing");
    expect(() => read({ CELLS: "main,shard" })).toThrow(/CELLS: "shard" is no cell/);
    expect(() => read({ CELLS: "us" })).toThrow("CELLS: the cell main is missing");
  });

  it("takes a password of the operator's only if it may be one, and tells the rule and never the password", () => {
    const read = (password: string) =>
      readIdentityConfig({
        ...VARS,
        KEY_ENCRYPTION_KEY: KEY,
        ADMIN_EMAIL: "a@b.c",
        ADMIN_PASSWORD: password,
      });
    for (const good of ["", "x".repeat(10), "x".repeat(200)]) expect(read(good).ADMIN_PASSWORD).toBe(good);
    for (const bad of ["z", "z".repeat(9), "z".repeat(201)]) {
      expect(() => read(bad)).toThrow("ADMIN_PASSWORD: must have 10 to 200 characters");
      expect(() => read(bad)).not.toThrow("z");
    }
  });
});
