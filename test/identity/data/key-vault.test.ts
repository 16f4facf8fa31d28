import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { SigningKeyRecord } from "../../../src/identity/biz/ports.ts";
import { keyVault } from "../../../src/identity/data/key-vault.ts";

const vaultUnder = (...bytes: readonly number[]) =>
  keyVault(bytes.map((byte) => new Uint8Array(32).fill(byte)));

async function sealedKey(kid: string, byte = 1): Promise<SigningKeyRecord> {
  return {
    kid,
    ...(await vaultUnder(byte).generate(kid)),
    createdAtMs: 0,
    signsFromMs: 0,
    verifyUntilMs: null,
  };
}

describe("the key vault", () => {
  it("signs access tokens that the public half verifies, with the claims of the contract", async () => {
    const key = await sealedKey("k1");
    const sign = await vaultUnder(1).open(key);
    const issuedAtMs = Date.now();
    const token = await sign?.({ userId: "ada", sessionId: "s1", roles: ["user", "operator"], issuedAtMs });
    const { payload } = await jwtVerify(token ?? "", await importJWK({ ...key.publicJwk }, "EdDSA"), {
      issuer: "playhead",
      audience: "playhead",
    });
    const iat = Math.floor(issuedAtMs / 1000);
    expect(payload).toEqual({
      iss: "playhead",
      aud: "playhead",
      sub: "ada",
      sid: "s1",
      roles: ["user", "operator"],
      iat,
      exp: iat + 600,
    });
    expect(decodeProtectedHeader(token ?? "")).toEqual({ alg: "EdDSA", kid: "k1", typ: "at+jwt" });
    expect(decodeJwt(token ?? "").sub).toBe("ada");
  });

  it("opens a key neither under another secret nor under another name", async () => {
    const key = await sealedKey("k1");
    expect(await vaultUnder(2).open(key)).toBeNull();
    expect(await vaultUnder(1).open({ ...key, kid: "k2" })).toBeNull();
  });

  it("seals under the first secret and opens under each", async () => {
    const [old, fresh] = [
      await sealedKey("k1", 1),
      { ...(await sealedKey("k2", 2)), ...(await vaultUnder(2, 1).generate("k2")) },
    ];
    for (const key of [old, fresh]) expect(await vaultUnder(3, 2, 1).open(key)).toBeTypeOf("function");
    expect([await vaultUnder(1).open(fresh), await vaultUnder(2).open(old)]).toEqual([null, null]);
  });

  it("seals what is no readable key, differently each time", async () => {
    const [one, other] = [await sealedKey("k1"), await sealedKey("k1")];
    expect(one.sealedPrivateKey).not.toBe(other.sealedPrivateKey);
    await expect(
      crypto.subtle.importKey(
        "pkcs8",
        Buffer.from(one.sealedPrivateKey, "base64url").subarray(12),
        "Ed25519",
        true,
        ["sign"],
      ),
    ).rejects.toThrow(/key|DER|asn1/i);
  });

  it("publishes nothing private", async () => {
    const { publicJwk } = await sealedKey("k1");
    expect(Object.keys(publicJwk).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
  });
});
