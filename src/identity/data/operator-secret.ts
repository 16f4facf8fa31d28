import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { base64url } from "jose";
import type { OperatorSecret } from "../biz/ports.ts";

/** Tells apart the few keys that a platform ever has, and nothing else about them. */
const KEY_ID_LENGTH = 8;

interface OperatorSecretOptions {
  /** Case-folded. */
  readonly email: string;
  readonly password: string;
  /** The worker's sealing secrets: the first makes digests, each compares those it has made. */
  readonly sealing: readonly Uint8Array[];
}

function hash(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** HMAC-SHA-256 in base64url. */
function keyed(key: Uint8Array, text: string): string {
  return base64url.encode(createHmac("sha256", key).update(text).digest());
}

/** A key of its own for each purpose: what a digest tells helps nobody to open a sealed key. */
function derived(secret: Uint8Array, purpose: string): Uint8Array {
  return createHmac("sha256", secret).update(`playhead identity: ${purpose}`).digest();
}

/**
 * The operator as the secrets name them; an empty e-mail or password names nobody. A digest is
 * `<id of its key>.<HMAC-SHA-256>` over e-mail and password, its key derived from a sealing secret:
 * it tells a changed password from a changed key.
 */
export function operatorSecret({ email, password, sealing }: OperatorSecretOptions): OperatorSecret {
  const exists = email !== "" && password !== "";
  const emailHash = hash(email);
  const passwordHash = hash(password);
  const digests = sealing.map((secret) => {
    const key = derived(secret, "digest of the operator's secret");
    const keyId = keyed(key, "id").slice(0, KEY_ID_LENGTH);
    return { keyId, digest: `${keyId}.${keyed(key, JSON.stringify([email, password]))}` };
  });
  return {
    email: exists ? email : null,
    digest: digests[0]?.digest ?? "",
    isEmail: (candidate) => exists && candidate === email,
    matches(candidateEmail, candidatePassword) {
      // Hashes have one length, so the comparison tells nothing of the secret's; both are compared
      // whatever the first one says.
      const emailFits = timingSafeEqual(hash(candidateEmail), emailHash);
      const passwordFits = timingSafeEqual(hash(candidatePassword), passwordHash);
      return exists && emailFits && passwordFits;
    },
    compare(kept) {
      const ofItsKey = digests.find(({ keyId }) => kept.startsWith(`${keyId}.`));
      if (ofItsKey === undefined) return "unknown";
      return timingSafeEqual(hash(kept), hash(ofItsKey.digest)) ? "same" : "other";
    },
  };
}
