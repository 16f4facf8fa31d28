import { base64url } from "jose";
import { v7 } from "uuid";
import type { SecretSource } from "../biz/ports.ts";

const utf8 = new TextEncoder();

/**
 * Randomness of the platform. A refresh token of the kind before is random through and through, so
 * a plain digest of it can't be guessed back.
 */
export const secretSource: SecretSource = {
  newId: () => v7(),
  digest: async (refreshToken) =>
    base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(refreshToken)))),
};
