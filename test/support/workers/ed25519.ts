import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose";
import {
  ACCESS_TOKEN_AUDIENCE,
  ACCESS_TOKEN_ISSUER,
  ACCESS_TOKEN_TYPE,
} from "../../../src/contracts/internal-request.ts";
import type { PublicJwk } from "../../../src/contracts/identity.ts";
import type { PrivateKeyJwk } from "../../../src/platform/jwk.ts";

/** A fresh Ed25519 key pair, as the code under test takes it. */
export interface TestKey {
  readonly privateKey: CryptoKey;
  readonly privateJwk: PrivateKeyJwk;
  readonly publicJwk: PublicJwk;
}

export async function testKey(kid: string): Promise<TestKey> {
  const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  const { x = "", d = "" } = await exportJWK(privateKey);
  const publicJwk = { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" } as const;
  return { privateKey, privateJwk: { kty: "OKP", crv: "Ed25519", x, d, kid }, publicJwk };
}

interface AccessTokenOptions {
  readonly key: TestKey;
  readonly nowMs: number;
  readonly userId?: string;
  readonly sessionId?: string;
  readonly roles?: readonly string[];
  readonly audience?: string;
  readonly issuer?: string;
  readonly expiresInS?: number;
  /** Null for a token that doesn't say what kind it is. */
  readonly type?: string | null;
}

/** An access token as identity would sign it, or one that differs where the test says so. */
export function accessToken(options: AccessTokenOptions): Promise<string> {
  const {
    key,
    nowMs,
    userId = "ada",
    sessionId = "s-1",
    roles = ["user"],
    expiresInS = 600,
    type = ACCESS_TOKEN_TYPE,
  } = options;
  const nowS = Math.floor(nowMs / 1000);
  return new SignJWT({ roles: [...roles], sid: sessionId })
    .setProtectedHeader({ alg: "EdDSA", kid: key.publicJwk.kid, ...(type === null ? {} : { typ: type }) })
    .setIssuer(options.issuer ?? ACCESS_TOKEN_ISSUER)
    .setAudience(options.audience ?? ACCESS_TOKEN_AUDIENCE)
    .setSubject(userId)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + expiresInS)
    .sign(key.privateKey);
}
