import * as z from "zod";
import { readConfig } from "../platform/config.ts";
import { LIMIT_POLICY_NAMES } from "./limit-policies.ts";
import { OVERLOAD_KINDS } from "../resilience/overload-kinds.ts";
import { privateJwkVar } from "../platform/jwk.ts";
import { guardVars, rateLimitScaleVar } from "../platform/guard-config.ts";
import { LOG_LEVELS } from "../platform/logger.ts";

const originSchema = z
  .url({ protocol: /^https?$/ })
  .refine((origin) => new URL(origin).origin === origin, "must be an origin: scheme, host, port");

const limitModesVar = z
  .string()
  .regex(/^$|^[a-z]+=[a-z]+(,[a-z]+=[a-z]+)*$/, "must be policy=mode, separated by commas")
  .transform((text): unknown => Object.fromEntries(text === "" ? [] : text.split(",").map((pair) => pair.split("=", 2))))
  .pipe(z.partialRecord(z.enum(LIMIT_POLICY_NAMES), z.enum(["strict", "lease", "async"])));

const schema = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS),
  CORS_ORIGINS: z
    .string()
    .transform((text) =>
      text
        .split(",")
        .map((origin) => origin.trim())
        .filter((origin) => origin !== ""),
    )
    .pipe(z.array(originSchema).max(100)),
  GATEWAY_SIGNING_KEY: privateJwkVar,
  OVERLOAD_LIMITER: z.enum(OVERLOAD_KINDS),
  RATE_LIMIT_SCALE: rateLimitScaleVar,
  LIMIT_MODES: limitModesVar,
  ...guardVars,
});

/** The gateway's vars and secrets, checked. */
export function readGatewayConfig(env: object) {
  return readConfig(schema, env);
}
