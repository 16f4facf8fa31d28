import { createHash, timingSafeEqual } from "node:crypto";

/** Fewer characters could be guessed. */
export const SECRET_LENGTH_MIN = 16;

/**
 * Tells whether a guess is the secret. Digests are compared, since they have one length: neither
 * what a guess has in common with the secret nor how long it is shows in the time that takes.
 */
export function sameSecret(secret: string): (guess: string) => boolean {
  const expected = digest(secret);
  return (guess) => timingSafeEqual(digest(guess), expected);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
