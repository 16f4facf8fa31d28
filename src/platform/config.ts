import * as z from "zod";

/**
 * Reads a worker's vars and secrets into a frozen config. A bad one is refused when the worker starts, with the names of the offending
 * vars and never their values.
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: unknown): Readonly<z.output<S>> {
  const result = schema.safeParse(env);
  if (result.success) return Object.freeze(result.data);
  const reasons = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`bad configuration: ${reasons.join("; ")}`);
}

/** A whole number in a var, such as `"300000"`, within [min, max]. */
export function wholeNumberVar(min: number, max: number): z.ZodType<number> {
  return z.coerce.number().pipe(z.int().min(min).max(max));
}

/** A JSON text in a var, such as a JWK, checked against `schema`. */
export function jsonVar<S extends z.ZodType>(schema: S): z.ZodType<z.output<S>> {
  const parsed = z.string().transform((text, ctx): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      ctx.addIssue({ code: "custom", message: "is not JSON" });
      return z.NEVER;
    }
  });
  return parsed.pipe(schema);
}
