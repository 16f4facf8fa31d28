import { base64url } from "jose";
import * as z from "zod";
import { isOperatorPassword, OPERATOR_PASSWORD_RULE } from "../contracts/identity.ts";
import { cellsVar, parsedVar, readConfig, wholeNumberVar } from "../platform/config.ts";
import { guardVars, rateLimitScaleVar } from "../platform/guard/guard-config.ts";
import { LOG_LEVELS } from "../platform/logger.ts";
import { parseCellOf } from "./biz/cell-of.ts";

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

/** More would give whoever has stolen a token as long to use it unnoticed. */
const REFRESH_LEEWAY_MS = { min: 0, max: 60_000 } as const;

const vars = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS),
  KEY_ENCRYPTION_KEY: sealingKeysVar,
  ADMIN_EMAIL: z.string().trim().toLowerCase().max(254).default(""),
  ADMIN_PASSWORD: z
    .string()
    .default("")
    .refine((password) => password === "" || isOperatorPassword(password), OPERATOR_PASSWORD_RULE),
  SESSION_AGE_MS_MAX: wholeNumberVar(SESSION_AGE_MS.min, SESSION_AGE_MS.max),
  REFRESH_LEEWAY_MS: wholeNumberVar(REFRESH_LEEWAY_MS.min, REFRESH_LEEWAY_MS.max),
  RATE_LIMIT_SCALE: rateLimitScaleVar,
  CELLS: cellsVar(),
  CELL_OF: parsedVar(parseCellOf),
  ...guardVars,
});

const schema = vars.refine(
  ({ CELLS, CELL_OF }) => [...CELL_OF.values()].every((home) => CELLS.some(({ name }) => name === home)),
  { path: ["CELL_OF"], error: "must name cells that are in CELLS" },
);

/**
 * The identity worker's vars and secrets, checked. Without both halves of the operator's there is
 * no operator.
 */
export function readIdentityConfig(env: object) {
  return readConfig(schema, env);
}
