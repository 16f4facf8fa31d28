import { codeOf, ERROR_CATALOGUE, hintsOf, publicDetail, type ErrorCode, type FieldError } from "./errors.ts";

/** The standard members of an RFC 9457 problem, and ours. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly errors?: readonly FieldError[];
}

/** Rejected fields shown at most: a body of a hundred bad reports needs no megabyte of advice. */
const FIELD_ERRORS_MAX = 20;

/**
 * An error as the JSON of RFC 9457, with members beyond the standard ones (section 3.2) after them.
 * Of an error without a catalogue code a client learns only that it is ours.
 */
export function problemBody<Extra extends object>(error: unknown, extra: Extra): ProblemBody & Extra {
  const code = codeOf(error);
  const { status, title } = ERROR_CATALOGUE[code];
  const { errors } = hintsOf(error);
  return {
    type: `urn:playhead:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    title,
    status,
    detail: publicDetail(error),
    code,
    ...(errors === undefined ? {} : { errors: errors.slice(0, FIELD_ERRORS_MAX) }),
    ...extra,
  };
}
