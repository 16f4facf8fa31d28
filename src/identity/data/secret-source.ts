import { base64url } from "jose";
import { v7 } from "uuid";
import type { SecretSource } from "../biz/ports.ts";

const REFRESH_TOKEN_BYTES = 32;
const utf8 = new TextEncoder();

/**
 * Randomness of the platform. A refresh token is random through and through, so a plain digest of
 * it can't be guessed back.
 */
export const secretSource: SecretSource = {
  newId: () => v7(),
  newRefreshToken: () => base64url.encode(crypto.getRandomValues(new Uint8Array(REFRESH_TOKEN_BYTES))),
  digest: async (refreshToken) =>
    base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(refreshToken)))),
};
