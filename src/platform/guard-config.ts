import * as z from "zod";

/** Upstreams guarded by another engine than the default, such as `history=sre,app=sre`. */
const breakerEngines = z
  .string()
  .regex(/^([a-z0-9-]+=(sre|hystrix)(,[a-z0-9-]+=(sre|hystrix))*)?$/, "must be upstream=sre or upstream=hystrix, separated by commas")
  .transform((text) => text.split(",").flatMap((pair) => (pair.endsWith("=sre") ? [pair.slice(0, pair.indexOf("="))] : [])));

/** The vars of every worker that guards calls. `BOOT_ID` tells one local start from the next, for faults that end with it. */
export const guardVars = {
  BREAKER_ENGINES: breakerEngines,
  FAULTS: z.enum(["on", "off"]),
  BOOT_ID: z.string().max(64),
};

/** Multiplies every rate limit. */
export const rateLimitScaleVar = z.coerce.number().pipe(z.number().positive().max(10_000));
