import { base64url } from "jose";
import * as z from "zod";
import { readConfig, wholeNumberVar } from "../platform/config.ts";
import { guardVars, rateLimitScaleVar } from "../platform/guard-config.ts";
import { LOG_LEVELS } from "../platform/logger.ts";

/** 32 bytes in base64url without padding. */
const keyVar = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "must be 32 bytes in base64url")
  .transform((text) => Uint8Array.from(base64url.decode(text)));

/** An hour: below it an access token would be a good part of the session it came from. Ten years: nobody has a device for longer. */
const SESSION_AGE_MS = { min: 3_600_000, max: 3_650 * 86_400_000 } as const;

const schema = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS),
  KEY_ENCRYPTION_KEY: keyVar,
  ADMIN_EMAIL: z.string().trim().toLowerCase().max(254).default(""),
  // Login takes no longer password, so a longer one here could never be used.
  ADMIN_PASSWORD: z.string().max(200).default(""),
  SESSION_AGE_MS_MAX: wholeNumberVar(SESSION_AGE_MS.min, SESSION_AGE_MS.max),
  RATE_LIMIT_SCALE: rateLimitScaleVar,
  ...guardVars,
});

/** The identity worker's vars and secrets, checked. Without both halves of the operator's there is no operator. */
export function readIdentityConfig(env: object) {
  return readConfig(schema, env);
}
