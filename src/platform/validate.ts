import type * as z from "zod";
import type * as mini from "zod/mini";
import { CodedError, type FieldError } from "../contracts/errors.ts";

/** What a decoder puts where bytes are not UTF-8. No value of ours has a use for it. */
const NOT_UTF8 = "\uFFFD";

type Schema = z.ZodType | mini.ZodMiniType;

/**
 * The value as the schema sees it. Throws `INVALID` with the dotted path of each rejected value.
 *
 * @param name - of the argument that the value is, the first part of each path; none for a whole
 *   body
 */
export function validate<S extends Schema>(schema: S, value: unknown, name?: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data as z.output<S>;
  throw invalid(result.error.issues, name);
}

/**
 * A list whose items have nothing to do with each other: each as the schema sees it, null where it
 * is not valid, for one item's fault is that item's. Throws `INVALID` where it is no list of 1 to
 * `max`, or where no item is valid.
 */
export function validateEach<S extends Schema>(
  schema: S,
  values: unknown,
  name: string,
  max: number,
): readonly (z.output<S> | null)[] {
  if (!Array.isArray(values) || values.length < 1 || values.length > max) {
    throw invalid([{ path: [], message: `must be a list of 1 to ${max}` }], name);
  }
  const results = values.map((value) => schema.safeParse(value));
  if (results.some(({ success }) => success))
    return results.map((result) => (result.success ? (result.data as z.output<S>) : null));
  throw invalid(
    results.flatMap(({ error }, index) =>
      (error?.issues ?? []).map(({ path, message }) => ({ path: [index, ...path], message })),
    ),
    name,
  );
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Members that a strict schema doesn't know. */
  readonly keys?: readonly string[];
}

/** Unknown members of an object that are named, and of each so much. */
const UNKNOWN_MAX = 20;
const MEMBER_LENGTH_MAX = 64;

function invalid(issues: readonly Issue[], name?: string): CodedError {
  const all = issues.flatMap(({ path, message, keys }) =>
    keys === undefined
      ? [{ path, message }]
      : keys
          .slice(0, UNKNOWN_MAX)
          .map((key) => ({ path: [...path, key.slice(0, MEMBER_LENGTH_MAX)], message: "is not known here" })),
  );
  const errors: FieldError[] = all.map(({ path, message }) => ({
    path: [...(name === undefined ? [] : [name]), ...path].map(String).join("."),
    message,
  }));
  return new CodedError("INVALID", "Some values are not valid; see errors", { errors });
}

/**
 * The JSON body as the schema sees it. Throws `MALFORMED` where it breaks off, is not UTF-8 or not
 * JSON, `INVALID` where values are not valid.
 */
export async function readJson<S extends z.ZodType>(request: Request, schema: S): Promise<z.output<S>> {
  return parseJson(await textOf(request), schema);
}

/** The same where a request may do without a body: none is an object without members. */
export async function readOptionalJson<S extends z.ZodType>(
  request: Request,
  schema: S,
): Promise<z.output<S>> {
  const text = await textOf(request);
  return text === "" ? validate(schema, {}) : parseJson(text, schema);
}

async function textOf(request: Request): Promise<string> {
  try {
    return await request.text();
  } catch (cause) {
    throw new CodedError("MALFORMED", "The body breaks off", { cause });
  }
}

function parseJson<S extends z.ZodType>(text: string, schema: S): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError("MALFORMED", "The body is not JSON", { cause });
  }
  if (text.includes(NOT_UTF8)) throw new CodedError("MALFORMED", "The body is not UTF-8");
  return validate(schema, value);
}

/** Queries remembered of each schema, and how long they may be: most clients ask the same. */
const QUERIES_MAX = 256;
const QUERY_LENGTH_MAX = 64;
const queriesRead = new WeakMap<Schema, Map<string, object>>();

/**
 * The query string as the schema sees it; of a repeated parameter the last counts. Throws
 * `INVALID`. What a short one has come to is remembered, since to take it apart costs more than to
 * answer it; nobody may change it.
 */
export function readQuery<S extends z.ZodType<object>>(url: string, schema: S): Readonly<z.output<S>> {
  const start = url.indexOf("?");
  const query = start < 0 ? "" : url.slice(start);
  const known = queriesRead.get(schema)?.get(query);
  if (known !== undefined) return known as z.output<S>;
  const read = Object.freeze(validate(schema, Object.fromEntries(new URLSearchParams(query))));
  if (query.length <= QUERY_LENGTH_MAX) remember(schema, query, read);
  return read;
}

function remember(schema: Schema, query: string, read: object): void {
  const queries = queriesRead.get(schema) ?? new Map<string, object>();
  queriesRead.set(schema, queries);
  if (queries.size >= QUERIES_MAX) queries.clear();
  queries.set(query, read);
}
