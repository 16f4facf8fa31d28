import { base64url, SignJWT, type CryptoKey } from "jose";
import type { PublicJwk } from "../../contracts/identity.ts";
import {
  ACCESS_TOKEN_AUDIENCE,
  ACCESS_TOKEN_ISSUER,
  ACCESS_TOKEN_TTL_MS,
  ACCESS_TOKEN_TYPE,
} from "../../contracts/internal-request.ts";
import type { AccessTokenSigner, KeyVault } from "../biz/ports.ts";

const ED25519 = { name: "Ed25519" } as const;
const IV_BYTES = 12;
const utf8 = new TextEncoder();

/**
 * Ed25519 keys, their private halves sealed with AES-256-GCM under the first of the worker's
 * secrets; each of them opens what it has sealed. The kid is additional data, so that a sealed key
 * can't be put under another name. Sealed form: base64url of the IV and what AES-GCM gives.
 */
export function keyVault(secrets: readonly Uint8Array<ArrayBuffer>[]): KeyVault {
  let imported: readonly CryptoKey[] | null = null;

  async function sealingKeys(): Promise<readonly CryptoKey[]> {
    imported ??= await Promise.all(
      secrets.map((secret) =>
        crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["encrypt", "decrypt"]),
      ),
    );
    return imported;
  }

  const cipher = (kid: string, iv: Uint8Array<ArrayBuffer>) => ({
    name: "AES-GCM",
    iv,
    additionalData: utf8.encode(kid),
  });

  async function seal(kid: string, privateKey: ArrayBuffer): Promise<string> {
    const [sealing] = await sealingKeys();
    if (sealing === undefined) throw new RangeError("secrets must be at least one, got none");
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = new Uint8Array(await crypto.subtle.encrypt(cipher(kid, iv), sealing, privateKey));
    const whole = new Uint8Array(IV_BYTES + sealed.length);
    whole.set(iv);
    whole.set(sealed, IV_BYTES);
    return base64url.encode(whole);
  }

  /**
   * Null where none of the secrets fits: AES-GCM tells that from nothing else that could be wrong
   * with what is sealed.
   */
  async function unseal(kid: string, sealed: string): Promise<CryptoKey | null> {
    const whole = Uint8Array.from(base64url.decode(sealed));
    for (const sealing of await sealingKeys()) {
      const opened = crypto.subtle.decrypt(
        cipher(kid, whole.slice(0, IV_BYTES)),
        sealing,
        whole.slice(IV_BYTES),
      );
      const pkcs8 = await opened.catch(() => null);
      if (pkcs8 !== null) return crypto.subtle.importKey("pkcs8", pkcs8, ED25519, false, ["sign"]);
    }
    return null;
  }

  return {
    async generate(kid) {
      const pair = (await crypto.subtle.generateKey(ED25519, true, ["sign", "verify"])) as CryptoKeyPair;
      const { x } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as { readonly x: string };
      const publicJwk: PublicJwk = { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" };
      const privateKey = (await crypto.subtle.exportKey("pkcs8", pair.privateKey)) as ArrayBuffer;
      return { publicJwk, sealedPrivateKey: await seal(kid, privateKey) };
    },

    async open({ kid, sealedPrivateKey }) {
      const key = await unseal(kid, sealedPrivateKey);
      return key === null ? null : accessTokenSigner(kid, key);
    },
  };
}

/** Access tokens as api.md describes them, signed with one key. */
function accessTokenSigner(kid: string, key: CryptoKey): AccessTokenSigner {
  return function signAccessToken({ userId, sessionId, roles, cell, issuedAtMs }) {
    const issuedAt = Math.floor(issuedAtMs / 1000);
    return new SignJWT({ roles: [...roles], sid: sessionId, ...(cell !== undefined && { cell }) })
      .setProtectedHeader({ alg: "EdDSA", kid, typ: ACCESS_TOKEN_TYPE })
      .setIssuer(ACCESS_TOKEN_ISSUER)
      .setAudience(ACCESS_TOKEN_AUDIENCE)
      .setSubject(userId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ACCESS_TOKEN_TTL_MS / 1000)
      .sign(key);
  };
}
