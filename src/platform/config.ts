import * as z from "zod/mini";
import { parseCells } from "../contracts/cell.ts";

/*
 * Configs are checked with zod/mini: the gateway needs zod for nothing else, and the whole of it
 * would weigh as much as the rest of its code. Schemas of either kind may be mixed.
 */

/**
 * Reads a worker's vars and secrets into a frozen config. A bad one is refused when the worker
 * starts, with the names of the offending vars and never their values.
 */
export function readConfig<S extends z.core.$ZodObject>(schema: S, env: unknown): Readonly<z.output<S>> {
  const result = z.safeParse(schema, env);
  if (result.success) return Object.freeze(result.data);
  const reasons = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`bad configuration: ${reasons.join("; ")}`);
}

/** A whole number in a var, such as `"300000"`, within [min, max]. */
export function wholeNumberVar(min: number, max: number) {
  const rule = `must be a whole number in ${min} … ${max}`;
  return z.pipe(z.coerce.number(rule), z.int(rule).check(z.minimum(min, rule), z.maximum(max, rule)));
}

/** A text in a var that `parse` reads; what it throws a `RangeError` with is what is wrong. */
export function parsedVar<T>(parse: (text: string) => T) {
  const parsed = z.transform((text: string, ctx): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      ctx.issues.push({ code: "custom", message: error.message, input: undefined });
      return z.NEVER;
    }
  });
  return z.pipe(z.string(), parsed);
}

/** The cells in a var, such as `"main:weur,us:enam"`. */
export function cellsVar() {
  return parsedVar(parseCells);
}

/** A JSON text in a var, such as a JWK, checked against `schema`. */
export function jsonVar<S extends z.core.$ZodType>(schema: S) {
  const parsed = z.transform((text: string, ctx): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      // The text itself may be a secret, and never is in the issue.
      ctx.issues.push({ code: "custom", message: "is not JSON", input: undefined });
      return z.NEVER;
    }
  });
  return z.pipe(z.pipe(z.string(), parsed), schema);
}
