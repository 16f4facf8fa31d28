import type * as z from "zod";
import { CodedError } from "../../contracts/errors.ts";

/** Throws where bytes are not UTF-8. */
const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** The text of a packet's body. Throws `MALFORMED` where it is none. */
export function readText(body: Uint8Array): string {
  try {
    return TEXT.decode(body);
  } catch (cause) {
    throw new CodedError("MALFORMED", "The body is not UTF-8", { cause });
  }
}

/** The JSON in a packet's body as the schema sees it. Throws `MALFORMED`, or `INVALID`. */
export function readBody<S extends z.ZodType>(schema: S, body: Uint8Array): z.output<S> {
  const text = readText(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError("MALFORMED", "The body is not JSON", { cause });
  }
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return data;
  const errors = error.issues.map(({ path, message }) => ({ path: path.map(String).join("."), message }));
  throw new CodedError("INVALID", "Some values are not valid; see errors", { errors });
}
