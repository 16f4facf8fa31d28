import { describe, expect, it } from "vitest";
import { refreshTokens } from "../../../src/identity/data/refresh-tokens.ts";
import { FIRST_SECRET, SECOND_SECRET } from "../support/refresh-world.ts";

const tokens = refreshTokens([FIRST_SECRET]);
const seed = tokens.newSeed();
const parts = {
  keyId: tokens.keyId,
  sessionId: "01a21485-fca5-70a1-8b0e-7302f530a34d",
  generation: 7,
  seed,
};
const token = tokens.make(parts) ?? "";

/** Whether a token would be taken for one of the session with that seed. */
function passes(text: string, by = tokens, seedOfSession = seed): boolean {
  const presented = by.read(text);
  return presented !== null && presented !== "opaque" && presented.isOf(seedOfSession);
}

describe("a refresh token", () => {
  it("says its key, session and generation, is read as such, and is the same each time it is made", () => {
    expect(token).toMatch(/^v1\.[\w-]{8}\.01a21485-fca5-70a1-8b0e-7302f530a34d\.7\.[\w-]{67}$/);
    const { keyId, sessionId, generation } = parts;
    expect(tokens.read(token)).toMatchObject({ keyId, sessionId, generation });
    expect(passes(token)).toBe(true);
    expect(tokens.make(parts)).toBe(token);
    // As refreshSchema has it.
    expect(token.length).toBeLessThan(256);
  });

  it("is none with any character changed, left out or added, and nothing unreadable passes or throws", () => {
    for (let index = 3; index < token.length; index += 1) {
      const other = token[index] === "A" ? "B" : "A";
      for (const changed of [
        token.slice(0, index) + other + token.slice(index + 1),
        token.slice(0, index) + token.slice(index + 1),
        token.slice(0, index) + other + token.slice(index),
      ])
        expect(passes(changed)).toBe(false);
    }
    for (const garbage of [
      "v1.",
      "v1....",
      "v1.a.b.0.c",
      `${token}.`,
      `${token}\n`,
      token.replace(".7.", ".07."),
    ])
      expect(tokens.read(garbage)).toBeNull();
    for (const before of ["", "made up", "Gfxooe2YxZsTgnh7GITG1zpZvZJlzoRM7XroYpfD7Wo", "V1.x", "v2.x"])
      expect(tokens.read(before)).toBe("opaque");
  });

  it("is of its own session, generation and seed only", () => {
    for (const other of [{ sessionId: "01a21485-fca5-70a1-8b0e-7302f530a34e" }, { generation: 8 }]) {
      const forged = (tokens.make({ ...parts, ...other }) ?? "").replace(
        /[^.]+$/,
        token.split(".").at(-1) ?? "",
      );
      expect(tokens.read(forged)).toBeNull();
    }
    expect(passes(token, tokens, tokens.newSeed())).toBe(false);
  });

  it("is made neither by who has the table alone nor by who has the secret alone", () => {
    const thiefOfTable = refreshTokens([SECOND_SECRET]);
    const underTheirs = thiefOfTable.make({ ...parts, keyId: thiefOfTable.keyId }) ?? "";
    expect(tokens.read(underTheirs)).toBeNull();
    expect(tokens.read(underTheirs.replace(thiefOfTable.keyId, tokens.keyId))).toBeNull();
    const thiefOfSecret = refreshTokens([FIRST_SECRET]);
    expect(passes(thiefOfSecret.make({ ...parts, seed: thiefOfSecret.newSeed() }) ?? "")).toBe(false);
  });

  it("is read under each of the secrets, made under the one it names, and under none that isn't given", () => {
    const next = refreshTokens([SECOND_SECRET, FIRST_SECRET]);
    expect(passes(token, next)).toBe(true);
    expect(next.make(parts)).toBe(token);
    const newer = next.make({ ...parts, keyId: next.keyId }) ?? "";
    expect(newer).not.toBe(token);
    expect(tokens.read(newer)).toBeNull();
    expect(tokens.make({ ...parts, keyId: next.keyId })).toBeNull();
  });
});
