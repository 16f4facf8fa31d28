import * as z from "zod/mini";
import { BREAKER_ENGINES } from "../../contracts/durable.ts";

const PAIRS = /^$|^[a-z0-9-]+=[a-z]+(,[a-z0-9-]+=[a-z]+)*$/;
/** The same, each name with or without another before it. */
const CALLERS_PAIRS = /^$|^([a-z0-9-]+\/)?[a-z0-9-]+=[a-z]+(,([a-z0-9-]+\/)?[a-z0-9-]+=[a-z]+)*$/;

/** Names with a value each, such as `history=sre,app=hystrix`. */
function pairsVar<T extends string>(values: readonly T[], pairs = PAIRS, form = "name=value") {
  return z.pipe(
    z.pipe(
      z.string().check(z.regex(pairs, `must be ${form}, separated by commas`)),
      z.transform((text) =>
        Object.fromEntries(
          text === "" ? [] : text.split(",").map((pair) => pair.split("=", 2) as [string, string]),
        ),
      ),
    ),
    z.record(z.string(), z.enum(values, `must be one of ${values.join(", ")}`)),
  );
}

/**
 * The vars of every worker that guards calls. `BOOT_ID` tells one local start from the next, for
 * faults that end with it.
 */
export const guardVars = {
  BREAKER_ENGINES: pairsVar(BREAKER_ENGINES, CALLERS_PAIRS, "upstream=engine or worker/upstream=engine"),
  HEDGED_UPSTREAMS: z.pipe(
    z
      .string()
      .check(z.regex(/^$|^[a-z0-9-]+(,[a-z0-9-]+)*$/, "must be names of upstreams, separated by commas")),
    z.transform((text) => (text === "" ? [] : text.split(","))),
  ),
  FAULTS: z.enum(["on", "off"], "must be on or off"),
  BOOT_ID: z.string().check(z.maxLength(64)),
};

/** How closely each policy's limit is kept, where it is not as the table says. */
export const limitModesVar = pairsVar(["strict", "lease", "async"]);

const SCALE_MAX = 10_000;
const SCALE_RULE = `must be a number above 0, at most ${SCALE_MAX}`;
/** Multiplies every rate limit. */
export const rateLimitScaleVar = z.pipe(
  z.coerce.number(SCALE_RULE),
  z.number(SCALE_RULE).check(z.positive(SCALE_RULE), z.maximum(SCALE_MAX, SCALE_RULE)),
);
