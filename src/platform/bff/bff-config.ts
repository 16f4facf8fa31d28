import * as z from "zod/mini";
import { readConfig } from "../config.ts";
import { guardVars } from "../guard/guard-config.ts";
import { publicJwksVar } from "../jwk.ts";
import { LOG_LEVELS } from "../logger.ts";

const schema = z.object({ LOG_LEVEL: z.enum(LOG_LEVELS), INTERNAL_JWKS: publicJwksVar, ...guardVars });

/** The vars and secrets that every BFF has, checked. */
export function readBffConfig(env: object) {
  return readConfig(schema, env);
}
