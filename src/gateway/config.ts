import * as z from "zod/mini";
import { readConfig, wholeNumberVar } from "../platform/config.ts";
import { LOG_WEIGHT_MAX } from "../contracts/internal-request.ts";
import { guardVars, limitModesVar, rateLimitScaleVar } from "../platform/guard/guard-config.ts";
import { privateJwkVar } from "../platform/jwk.ts";
import { LOG_LEVELS } from "../platform/logger.ts";
import { OVERLOAD_LIMITERS } from "../resilience/overload/overload-limiters.ts";
import { LOCALHOST } from "./allowed-origins.ts";
import { LIMIT_POLICY_NAMES } from "./limit-policies.ts";

const ORIGIN_RULE = `must be origins (scheme, host, port), or ${LOCALHOST} for every port of this machine`;

const originSchema = z.string().check(z.refine((text) => text === LOCALHOST || isOrigin(text), ORIGIN_RULE));

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
}

const corsOriginsVar = z.pipe(
  z.pipe(
    z.string(),
    z.transform((text) =>
      text
        .split(",")
        .map((origin) => origin.trim())
        .filter((origin) => origin !== ""),
    ),
  ),
  z.array(originSchema).check(z.maxLength(100)),
);

const vars = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS),
  LOG_SAMPLE: wholeNumberVar(1, LOG_WEIGHT_MAX),
  CORS_ORIGINS: corsOriginsVar,
  GATEWAY_SIGNING_KEY: privateJwkVar,
  OVERLOAD_LIMITER: z.enum(OVERLOAD_LIMITERS),
  RATE_LIMIT_SCALE: rateLimitScaleVar,
  LIMIT_MODES: limitModesVar.check(
    z.refine(
      (modes) => Object.keys(modes).every((name) => (LIMIT_POLICY_NAMES as readonly string[]).includes(name)),
      `must name policies: ${LIMIT_POLICY_NAMES.join(", ")}`,
    ),
  ),
  TEST_CONTINENT: z.enum(["on", "off"], "must be on or off"),
  ...guardVars,
});

/** Else whoever registers would choose where their history is kept, and how far it is from them. */
const schema = vars.check(
  z.refine(({ TEST_CONTINENT, BOOT_ID }) => TEST_CONTINENT === "off" || BOOT_ID !== "", {
    path: ["TEST_CONTINENT"],
    error: "may be on in a local start only, and BOOT_ID says that this is none",
  }),
);

/** The gateway's vars and secrets, checked. */
export function readGatewayConfig(env: object) {
  return readConfig(schema, env);
}
