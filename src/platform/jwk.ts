import { importJWK, type CryptoKey } from "jose";
import * as z from "zod/mini";
import { jsonVar } from "./config.ts";

const publicMembers = {
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string().check(z.length(43)),
  kid: z.string().check(z.minLength(1), z.maxLength(64)),
};
const publicJwkSchema = z.object(publicMembers);
const privateJwkSchema = z.object({ ...publicMembers, d: z.string().check(z.length(43)) });

/** An Ed25519 private key in a secret (RFC 8037), with its `kid`. */
export const privateJwkVar = jsonVar(privateJwkSchema);
/**
 * A JSON Web Key Set of Ed25519 public keys in a var: more than one while the signer's key is being
 * changed.
 */
export const publicJwksVar = jsonVar(
  z.object({ keys: z.array(publicJwkSchema).check(z.minLength(1), z.maxLength(8)) }),
);

export type PublicKeyJwk = z.infer<typeof publicJwkSchema>;
export type PrivateKeyJwk = z.infer<typeof privateJwkSchema>;

/** Imports an Ed25519 key for WebCrypto. Throws where the key is not one. */
export async function importEd25519(jwk: PublicKeyJwk | PrivateKeyJwk): Promise<CryptoKey> {
  const key = await importJWK({ ...jwk }, "EdDSA");
  if (key instanceof Uint8Array) throw new TypeError("an Ed25519 key was expected, got a symmetric one");
  return key;
}
