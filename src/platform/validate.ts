import type * as z from "zod";
import { CodedError, type FieldError } from "../contracts/errors.ts";

/** What a decoder puts where bytes are not UTF-8. No value of ours has a use for it. */
const NOT_UTF8 = "\uFFFD";

/** The value as the schema sees it. Throws `INVALID` with the dotted path of each rejected value. */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors: FieldError[] = result.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  throw new CodedError("INVALID", "Some values are not valid; see errors", { errors });
}

/** The JSON body as the schema sees it. Throws `MALFORMED` where it is not UTF-8 or not JSON, `INVALID` where values are not valid. */
export async function readJson<S extends z.ZodType>(request: Request, schema: S): Promise<z.output<S>> {
  const text = await request.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError("MALFORMED", "The body is not JSON", { cause });
  }
  if (text.includes(NOT_UTF8)) throw new CodedError("MALFORMED", "The body is not UTF-8");
  return validate(schema, value);
}

/** The query string as the schema sees it; of a repeated parameter the last counts. Throws `INVALID`. */
export function readQuery<S extends z.ZodType>(url: string, schema: S): z.output<S> {
  const start = url.indexOf("?");
  return validate(schema, start < 0 ? {} : Object.fromEntries(new URLSearchParams(url.slice(start))));
}
