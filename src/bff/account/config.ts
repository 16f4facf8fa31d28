import * as z from "zod";
import { readConfig } from "../../platform/config.ts";
import { publicJwksVar } from "../../platform/jwk.ts";
import { LOG_LEVELS } from "../../platform/logger.ts";

const schema = z.object({ LOG_LEVEL: z.enum(LOG_LEVELS), INTERNAL_JWKS: publicJwksVar });

/** The account BFF's vars, checked. */
export function readAccountBffConfig(env: object) {
  return readConfig(schema, env);
}
