import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { base64url } from "jose";
import type { PresentedToken, RefreshTokenOf, RefreshTokens } from "../biz/ports.ts";

/** What was issued before this form is random and has no dot. */
const VERSION = "v1.";
const FORM = /^v1\.([\w-]{8})\.([A-Za-z0-9-]{1,64})\.(0|[1-9]\d{0,9})\.([\w-]{67})$/;
/** Tells apart the few secrets that a platform ever has, and nothing else about them. */
const KEY_ID_LENGTH = 8;
const KEY_BYTES = 32;
const SEED_BYTES = 32;
/** A whole number of base64url characters, so that the mark can be cut off the MAC as text. */
const MARK_BYTES = 18;
const MARK_LENGTH = 24;
const NO_SALT = new Uint8Array();
const utf8 = new TextEncoder();

/**
 * Refresh tokens that are stored nowhere. A MAC has two halves, both HMAC-SHA-256 over what stands
 * before it: a mark, whose key follows (HKDF, RFC 5869) from the worker's secret alone, and a seal,
 * whose key follows from that secret and from the random bytes that the session keeps. The mark
 * tells what somebody has made up before the database is asked; the seal is what neither the secret
 * nor the database can make alone.
 *
 * @param secrets the first makes tokens, each reads those it has made
 */
export function refreshTokens(secrets: readonly Uint8Array<ArrayBuffer>[]): RefreshTokens {
  const keys = secrets.map((secret) => {
    const markKey = derived(secret, NO_SALT, "playhead refresh token's mark");
    return { secret, markKey, id: mac(markKey, "id").slice(0, KEY_ID_LENGTH) };
  });
  const [newest] = keys;
  if (newest === undefined) throw new RangeError("secrets must be at least one, got none");
  const keyOf = (keyId: string) => keys.find(({ id }) => id === keyId);

  const make = ({ keyId, sessionId, generation, seed }: RefreshTokenOf): string | null => {
    const key = keyOf(keyId);
    if (key === undefined) return null;
    const said = `${VERSION}${keyId}.${sessionId}.${generation}`;
    return `${said}.${mac(key.markKey, said, MARK_BYTES)}${sealOf(said, key.secret, seed)}`;
  };

  return {
    keyId: newest.id,
    newSeed: () => base64url.encode(crypto.getRandomValues(new Uint8Array(SEED_BYTES))),
    make,

    read(token): PresentedToken | "opaque" | null {
      if (!token.startsWith(VERSION)) return "opaque";
      const [, keyId = "", sessionId = "", digits = "", wholeMac = ""] = FORM.exec(token) ?? [];
      const key = keyOf(keyId);
      if (key === undefined) return null;
      const said = `${VERSION}${keyId}.${sessionId}.${digits}`;
      if (!isSame(wholeMac.slice(0, MARK_LENGTH), mac(key.markKey, said, MARK_BYTES))) return null;
      return {
        keyId,
        sessionId,
        generation: Number(digits),
        isOf: (seed) => isSame(wholeMac.slice(MARK_LENGTH), sealOf(said, key.secret, seed)),
      };
    },
  };
}

function sealOf(said: string, secret: Uint8Array, seed: string): string {
  return mac(derived(secret, base64url.decode(seed), "playhead refresh token's seal"), said);
}

function derived(secret: Uint8Array, salt: Uint8Array, use: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, use, KEY_BYTES));
}

/** HMAC-SHA-256, or the beginning of it, in base64url. */
function mac(key: Uint8Array, text: string, bytes?: number): string {
  return base64url.encode(createHmac("sha256", key).update(text).digest().subarray(0, bytes));
}

/** In a time that tells nothing of how far two texts of one length agree. */
function isSame(presented: string, made: string): boolean {
  const [left, right] = [utf8.encode(presented), utf8.encode(made)];
  return left.length === right.length && timingSafeEqual(left, right);
}
