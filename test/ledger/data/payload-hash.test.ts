import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparable, payloadHash } from "../../../src/ledger/data/payload-hash.ts";

describe("a payload's hash", () => {
  it("is the beginning of its SHA-256 in base64url, also where an earlier release kept the whole in hex", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.nat())), (parts) => {
        const sha256 = createHash("sha256").update(JSON.stringify(parts));
        const long = sha256.copy().digest("hex");
        expect(payloadHash(parts)).toBe(sha256.digest("base64url").slice(0, 22));
        expect(comparable(long)).toBe(payloadHash(parts));
        expect(comparable(payloadHash(parts))).toBe(payloadHash(parts));
      }),
    );
  });
});
