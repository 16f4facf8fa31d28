/**
 * The one catalogue of errors a client of Playhead can see, and the few functions everybody uses to
 * make, wrap and tell them apart.
 *
 * Class identity does not survive an RPC between workers, own properties do: discriminate with
 * {@link isCode}, never with `instanceof`.
 */

/** Every code of the public contract, with its HTTP status and its RFC 9457 title. */
export const ERROR_CATALOGUE = {
  MALFORMED: { status: 400, title: "Malformed request" },
  UNAUTHENTICATED: { status: 401, title: "Authentication required" },
  FORBIDDEN: { status: 403, title: "Not allowed" },
  NOT_FOUND: { status: 404, title: "Not found" },
  METHOD_NOT_ALLOWED: { status: 405, title: "Method not allowed" },
  CONFLICT: { status: 409, title: "Conflict" },
  TOO_LARGE: { status: 413, title: "Body too large" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "Unsupported media type" },
  INVALID: { status: 422, title: "Invalid values" },
  INSUFFICIENT_FUNDS: { status: 422, title: "Insufficient funds" },
  LEDGER_FULL: { status: 422, title: "Ledger full" },
  UPGRADE_REQUIRED: { status: 426, title: "Upgrade required" },
  RATE_LIMITED: { status: 429, title: "Too many requests" },
  OVERLOADED: { status: 503, title: "Overloaded" },
  CIRCUIT_OPEN: { status: 503, title: "Circuit open" },
  UNAVAILABLE: { status: 503, title: "Temporarily unavailable" },
  SPENDING_CAP: { status: 503, title: "Spending cap reached" },
  DEADLINE_EXCEEDED: { status: 504, title: "Deadline exceeded" },
  INTERNAL: { status: 500, title: "Internal error" },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/**
 * When to come back after `SPENDING_CAP`, in ms, at the earliest: an account stays at its cap until
 * somebody raises it or the month ends. Those who are refused were refused at different times, so
 * that they don't come back together.
 */
export const SPENDING_CAP_RETRY_MS = 300_000;

/** One rejected value: a dotted path into the body, query or path, and why. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/**
 * What is wrong with the token that a caller came with, in the words of RFC 6750, 3.1. Whoever came
 * with none, or with a wrong password, has no such fault.
 */
export type TokenFault = "invalid_token" | "insufficient_scope";

export interface CodedErrorOptions {
  readonly cause?: unknown;
  readonly errors?: readonly FieldError[];
  /** How long the caller should wait before it tries again, in ms. */
  readonly retryAfterMs?: number;
  /** A layer below has spent its attempts: no layer above makes more of them. */
  readonly alreadyRetried?: boolean;
  /**
   * Trying again at once is of no use or does harm: no layer may, nor may clients. The layer
   * furthest out that says yes or no is believed: only it knows whether a key tells one effect from
   * two.
   */
  readonly mustNotRetry?: boolean;
  /**
   * What failed lies behind the sender of this error, which is well itself: no breaker counts it
   * against the sender.
   */
  readonly failedBelow?: boolean;
  /** Of an `UNAUTHENTICATED` or `FORBIDDEN` that is the token's fault. */
  readonly tokenFault?: TokenFault;
}

/**
 * An error with a code of the catalogue. Its message is shown to clients when the status is below
 * 500, so it never holds a secret, an SQL text or an upstream's body: those belong into `cause`.
 */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly errors?: readonly FieldError[];
  readonly retryAfterMs?: number;
  readonly alreadyRetried?: boolean;
  readonly mustNotRetry?: boolean;
  readonly failedBelow?: boolean;
  readonly tokenFault?: TokenFault;

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CodedError";
    this.code = code;
    if (options.errors !== undefined) this.errors = options.errors;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.alreadyRetried !== undefined) this.alreadyRetried = options.alreadyRetried;
    if (options.mustNotRetry !== undefined) this.mustNotRetry = options.mustNotRetry;
    if (options.failedBelow !== undefined) this.failedBelow = options.failedBelow;
    if (options.tokenFault !== undefined) this.tokenFault = options.tokenFault;
  }
}

/** How deep a chain of causes is followed: deeper ones are a bug or an attack. */
const CAUSE_DEPTH_MAX = 16;

function* causesOf(error: unknown): Generator<Partial<CodedError>> {
  let current = error;
  for (
    let depth = 0;
    depth < CAUSE_DEPTH_MAX && typeof current === "object" && current !== null;
    depth += 1
  ) {
    yield current;
    current = (current as { cause?: unknown }).cause;
  }
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_CATALOGUE, value);
}

/**
 * The code of an error: the outermost one in its chain of causes, or `INTERNAL` where nobody gave
 * one.
 */
export function codeOf(error: unknown): ErrorCode {
  for (const cause of causesOf(error)) if (isErrorCode(cause.code)) return cause.code;
  return "INTERNAL";
}

/** Whether the error means `code`, whoever wrapped it and whichever worker threw it. */
export function isCode(error: unknown, code: ErrorCode): boolean {
  return codeOf(error) === code;
}

/**
 * Whether the upstream said that it has too much to do: by our code, or by the mark of a Durable
 * Object's own errors.
 */
export function isOverloaded(error: unknown): boolean {
  for (const cause of causesOf(error)) {
    if (cause.code === "OVERLOADED" || (cause as { overloaded?: unknown }).overloaded === true) return true;
  }
  return false;
}

/** Whether the code says that a call was refused to protect its upstream, and nothing was tried. */
export function isRefusal(code: ErrorCode): boolean {
  return code === "OVERLOADED" || code === "CIRCUIT_OPEN";
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set(["UNAVAILABLE"]);

/**
 * Whether the same call may succeed if made again. Never after `.overloaded` (a retry feeds the
 * overload), never where a layer below has already retried, or says that nobody must.
 */
export function isRetryable(error: unknown): boolean {
  for (const cause of causesOf(error))
    if ((cause as { overloaded?: unknown }).overloaded === true) return false;
  const { alreadyRetried, mustNotRetry } = hintsOf(error);
  return alreadyRetried !== true && mustNotRetry !== true && RETRYABLE.has(codeOf(error));
}

/**
 * Says what was being done when `cause` happened. Code and hints of the cause stay in force unless
 * `code` says otherwise.
 *
 * @example
 * try {
 *   return await load(userId);
 * } catch (cause) {
 *   throw wrap(cause, "load the history of a user");
 * }
 */
export function wrap(cause: unknown, what: string, code: ErrorCode = codeOf(cause)): CodedError {
  const hints = hintsOf(cause);
  return new CodedError(code, what, { cause, ...hints });
}

/** When to come back while a release is under way, in ms. */
const RELEASE_RETRY_MS = 30_000;

/**
 * A release is under way, and whoever is asked, or what is stored, is still of the one before.
 * Nobody is ill, no breaker counts it, and to try again at once is of no use.
 */
export function releaseUnderWay(what: string, cause?: unknown): CodedError {
  return new CodedError("UNAVAILABLE", what, {
    cause,
    retryAfterMs: RELEASE_RETRY_MS,
    alreadyRetried: true,
    mustNotRetry: true,
    failedBelow: true,
  });
}

type ErrorHints = Omit<CodedErrorOptions, "cause">;

/**
 * What an error tells beside its code: rejected fields, when to come back, and who may try again.
 */
export function hintsOf(error: unknown): ErrorHints {
  const hints: { -readonly [Hint in keyof ErrorHints]: ErrorHints[Hint] } = {};
  for (const cause of causesOf(error)) {
    if (hints.errors === undefined && Array.isArray(cause.errors)) hints.errors = cause.errors;
    if (hints.retryAfterMs === undefined && typeof cause.retryAfterMs === "number")
      hints.retryAfterMs = cause.retryAfterMs;
    if (cause.alreadyRetried === true) hints.alreadyRetried = true;
    if (hints.mustNotRetry === undefined && typeof cause.mustNotRetry === "boolean")
      hints.mustNotRetry = cause.mustNotRetry;
    if (cause.failedBelow === true) hints.failedBelow = true;
    if (hints.tokenFault === undefined && cause.tokenFault !== undefined) hints.tokenFault = cause.tokenFault;
  }
  return hints;
}

/**
 * The sentence a client may read: the innermost coded message below status 500, the bare title
 * above it.
 */
export function publicDetail(error: unknown): string {
  const code = codeOf(error);
  const entry = ERROR_CATALOGUE[code];
  if (entry.status >= 500) return entry.title;
  let detail: string = entry.title;
  for (const cause of causesOf(error)) {
    if (cause.code === code && typeof cause.message === "string") detail = cause.message;
  }
  return detail;
}

/** The chain of causes as one line for the log, outermost first: `read history <- D1_ERROR: …`. */
export function describeCauses(error: unknown): string {
  const parts: string[] = [];
  for (const cause of causesOf(error)) parts.push(String(cause.message ?? cause));
  return parts.length > 0 ? parts.join(" <- ") : String(error);
}
