import * as z from "zod/mini";
import type { PublicJwk, TrustSnapshot } from "../../contracts/identity.ts";
import { REVOCATIONS_PER_PULL_MAX } from "../../contracts/revocations-per-pull.ts";

/** What of identity's answer a worker lives by. */
export interface TrustPage {
  readonly keys: readonly PublicJwk[];
  /** The ids of revoked sessions, oldest first. */
  readonly revoked: readonly string[];
  readonly nextSinceMs: number;
  readonly more: boolean;
}

/** Changes with what is written, so that neither of two releases takes the other's for its own. */
const FORMAT = 1;
const KEYS_MAX = 64;

const keySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string().check(z.regex(/^[\w-]{43}$/)),
  kid: z.string().check(z.minLength(1), z.maxLength(64)),
  alg: z.literal("EdDSA"),
  use: z.literal("sig"),
});

const pageSchema = z.object({
  format: z.literal(FORMAT),
  // No keys is never what identity said: it makes one when it is asked.
  keys: z.array(keySchema).check(z.minLength(1), z.maxLength(KEYS_MAX)),
  revoked: z
    .array(z.string().check(z.minLength(1), z.maxLength(64)))
    .check(z.maxLength(REVOCATIONS_PER_PULL_MAX)),
  nextSinceMs: z.int().check(z.nonnegative()),
  more: z.boolean(),
});

export function pageOf({ keys, revoked, nextSinceMs, more }: TrustSnapshot): TrustPage {
  return { keys, revoked: revoked.map(({ sessionId }) => sessionId), nextSinceMs, more };
}

export function writePage(page: TrustPage): string {
  return JSON.stringify({ format: FORMAT, ...page });
}

/** The page, or null where the text is none: it decides whom a worker believes. */
export function readPage(text: string): TrustPage | null {
  try {
    const read = pageSchema.safeParse(JSON.parse(text));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
