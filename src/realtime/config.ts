import * as z from "zod";
import { cellsVar, readConfig, wholeNumberVar } from "../platform/config.ts";
import { guardVars } from "../platform/guard/guard-config.ts";
import { publicJwksVar } from "../platform/jwk.ts";
import { LOG_LEVELS } from "../platform/logger.ts";

const schema = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS),
  REALTIME_GUESTS: z.enum(["on", "off"], "must be on or off"),
  REALTIME_SUB_COMETS: wholeNumberVar(1, 1_024),
  CELLS: cellsVar(),
  INTERNAL_JWKS: publicJwksVar,
  ...guardVars,
});

/** The realtime worker's vars and secrets, checked. */
export function readRealtimeConfig(env: object) {
  return readConfig(schema, env);
}
