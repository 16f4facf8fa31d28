import { scrypt, timingSafeEqual } from "node:crypto";
import { base64url } from "jose";
import { CodedError } from "../../contracts/errors.ts";
import type { PasswordHasher } from "../biz/ports.ts";

/** N·r·p stays below 2^20: production refuses more. One derivation takes 16 MiB. */
const LOG2_N = 14;
const R = 8;
const P = 5;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** `$scrypt$ln=14,r=8,p=5$<salt>$<key>`, both in base64url: each hash says how it was made. */
const ENCODED = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/;

interface Derivation {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
}

/** What an unknown e-mail's password is compared with. No password has this key. */
const NOBODY: Derivation = { log2N: LOG2_N, r: R, p: P, salt: new Uint8Array(SALT_BYTES) };

function derive(password: string, { log2N, r, p, salt }: Derivation): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // Two keyboards may spell one letter in two ways; NFC makes them one.
    scrypt(password.normalize("NFC"), salt, KEY_BYTES, { N: 2 ** log2N, r, p }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function parse(encoded: string): Derivation & { readonly key: Uint8Array } {
  const [, log2N, r, p, salt, key] = ENCODED.exec(encoded) ?? [];
  if (salt === undefined || key === undefined)
    throw new CodedError("INTERNAL", "A stored password hash is not one of ours");
  return {
    log2N: Number(log2N),
    r: Number(r),
    p: Number(p),
    salt: base64url.decode(salt),
    key: base64url.decode(key),
  };
}

/** Passwords by scrypt (RFC 7914), with a random salt each. */
export const scryptHasher: PasswordHasher = {
  async hash(password) {
    const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
    const key = await derive(password, { log2N: LOG2_N, r: R, p: P, salt });
    return `$scrypt$ln=${LOG2_N},r=${R},p=${P}$${base64url.encode(salt)}$${base64url.encode(key)}`;
  },

  async verify(password, encoded) {
    const expected = encoded === null ? { ...NOBODY, key: new Uint8Array(KEY_BYTES) } : parse(encoded);
    const key = await derive(password, expected);
    const same = key.length === expected.key.length && timingSafeEqual(key, expected.key);
    return same && encoded !== null;
  },
};
