import { base64url } from "jose";
import * as z from "zod";
import { isOperatorPassword, OPERATOR_PASSWORD_RULE } from "../contracts/identity.ts";
import { readConfig, wholeNumberVar } from "../platform/config.ts";
import { guardVars, rateLimitScaleVar } from "../platform/guard/guard-config.ts";
import { LOG_LEVELS } from "../platform/logger.ts";

/** The one that seals, and those before it whose work can still be opened. */
const SEALING_KEYS_MAX = 4;

/** Each 32 bytes in base64url without padding, separated by commas. */
const sealingKeysVar = z
  .string()
  .transform((text) => text.split(",").map((key) => key.trim()))
  .pipe(
    z.array(z.string().regex(/^[A-Za-z0-9_-]{43}$/, "must be 32 bytes in base64url")).max(SEALING_KEYS_MAX),
  )
  .transform((keys) => keys.map((key) => Uint8Array.from(base64url.decode(key))));

/**
 * An hour: below it an access token would be a good part of the session it came from. Ten years:
 * nobody has a device for longer.
 */
const SESSION_AGE_MS = { min: 3_600_000, max: 3_650 * 86_400_000 } as const;

const schema = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS),
  KEY_ENCRYPTION_KEY: sealingKeysVar,
  ADMIN_EMAIL: z.string().trim().toLowerCase().max(254).default(""),
  ADMIN_PASSWORD: z
    .string()
    .default("")
    .refine((password) => password === "" || isOperatorPassword(password), OPERATOR_PASSWORD_RULE),
  SESSION_AGE_MS_MAX: wholeNumberVar(SESSION_AGE_MS.min, SESSION_AGE_MS.max),
  RATE_LIMIT_SCALE: rateLimitScaleVar,
  ...guardVars,
});

/**
 * The identity worker's vars and secrets, checked. Without both halves of the operator's there is
 * no operator.
 */
export function readIdentityConfig(env: object) {
  return readConfig(schema, env);
}
