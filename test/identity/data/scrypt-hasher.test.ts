import { describe, expect, it } from "vitest";
import { scryptHasher } from "../../../src/identity/data/scrypt-hasher.ts";

describe("a password hash", () => {
  it("fits its password and no other, and says how it was made", async () => {
    const encoded = await scryptHasher.hash("correct horse");
    expect(encoded).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9_-]{22}\$[A-Za-z0-9_-]{43}$/);
    expect(await scryptHasher.verify("correct horse", encoded)).toBe(true);
    expect(await scryptHasher.verify("correct horsf", encoded)).toBe(false);
  });

  it("has a salt of its own", async () => {
    expect(await scryptHasher.hash("correct horse")).not.toBe(await scryptHasher.hash("correct horse"));
  });

  it("fits however a keyboard composes a letter", async () => {
    expect(
      await scryptHasher.verify("cafe\u0301 au lait", await scryptHasher.hash("caf\u00e9 au lait")),
    ).toBe(true);
  });

  it("is compared for nobody, and never fits", async () => {
    expect(await scryptHasher.verify("", null)).toBe(false);
    expect(await scryptHasher.verify("correct horse", null)).toBe(false);
  });

  it("that is not one of ours is a bug, not a wrong password", async () => {
    await expect(scryptHasher.verify("correct horse", "md5:abc")).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("is that of RFC 7914's function with the same cost", async () => {
    const { scryptSync } = await import("node:crypto");
    const encoded = await scryptHasher.hash("correct horse");
    const [, , , salt = "", key = ""] = encoded.split("$");
    const expected = scryptSync("correct horse", Buffer.from(salt, "base64url"), 32, {
      N: 16_384,
      r: 8,
      p: 5,
    });
    expect(Buffer.from(key, "base64url").equals(expected)).toBe(true);
  });
});
