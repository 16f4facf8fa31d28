import {
  CodedError,
  codeOf,
  ERROR_CATALOGUE,
  hintsOf,
  isOverloaded,
  isRefusal,
  type CodedErrorOptions,
  type ErrorCode,
} from "../../contracts/errors.ts";
import type { BreakerOutcome } from "../../resilience/breaker/breaker.ts";
import type { WorkOutcome } from "../../resilience/overload/overload-limiter.ts";
import { CallTimeoutError } from "./call-timer.ts";

/* What a failed call means: to its caller, to the breaker and to the overload protection. */

/**
 * What an answer amounts to that is a failure, in the words of an error of the catalogue. A value
 * and no error: under overload there are thousands of them in a second, and none has a stack worth
 * its time.
 */
export type AnswerFailure = { readonly code: ErrorCode } & Omit<CodedErrorOptions, "cause">;

export function outOfTime(what: string): CodedError {
  return new CodedError("DEADLINE_EXCEEDED", `No time left to ${what}`, {
    mustNotRetry: true,
    failedBelow: true,
  });
}

/**
 * What a call that failed says about its upstream's load: nothing where nothing was sent, a
 * client's hurry has ended it, or the account may pay for no more, which is refused quickly.
 */
export function workOutcomeOf(error: unknown, isHurried: boolean): WorkOutcome {
  const code = codeOf(error);
  if (code === "SPENDING_CAP") return "none";
  if (isOverloaded(error)) return "overloaded";
  return code === "CIRCUIT_OPEN" || (code === "DEADLINE_EXCEEDED" && isHurried) ? "none" : "failure";
}

/**
 * Whether a call that failed so may have done its work all the same: not where it was refused, nor
 * where it was answered.
 */
export function mayHaveTakenEffect(error: unknown): boolean {
  const code = codeOf(error);
  return ERROR_CATALOGUE[code].status >= 500 && !isRefusal(code) && code !== "SPENDING_CAP";
}

/**
 * What failed here stays failed: the error as the caller sees it. Where this guard could have tried
 * again, nobody above does; where a key may know better, and only there, what is unknown is left
 * for the key's owner to ask about.
 */
export function spent(
  error: unknown,
  what: string,
  { idempotent, keyed = false }: { readonly idempotent: boolean; readonly keyed?: boolean },
  isUnknown: boolean,
): CodedError {
  const code = codeOf(error);
  const hints = hintsOf(error);
  if (ERROR_CATALOGUE[code].status < 500) return new CodedError(code, what, { cause: error, ...hints });
  const retried = idempotent ? { alreadyRetried: true } : {};
  return new CodedError(code, what, {
    cause: error,
    ...hints,
    ...retried,
    mustNotRetry: !(keyed && isUnknown),
    failedBelow: true,
  });
}

export function isLate(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof CallTimeoutError;
}

/**
 * Whether a failed attempt is the upstream's fault. Not if it answered (a refusal, a 4xx, a problem
 * that something further down has), and not if it was late in less time than it is normally
 * granted: a client in a hurry must not open the breaker for all others. The account's spending cap
 * says nothing of any upstream, neither that it is ill nor that it is well again.
 */
export function outcomeOf(error: unknown, hadTime: boolean): BreakerOutcome {
  if (error instanceof CallTimeoutError) return hadTime ? "failure" : "cancelled";
  const code = codeOf(error);
  if (code === "SPENDING_CAP") return "cancelled";
  if (ERROR_CATALOGUE[code].status < 500) return "success";
  if (hintsOf(error).failedBelow === true) return "success";
  if (code === "OVERLOADED" || code === "DEADLINE_EXCEEDED") return "cancelled";
  return "failure";
}
