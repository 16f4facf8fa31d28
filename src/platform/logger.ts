import { describeCauses } from "../contracts/errors.ts";
import type { Clock } from "../resilience/clock.ts";
import { isAtSpendingCap } from "./database/platform-errors.ts";
import { spendingCapLine } from "./spending-cap-line.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * One JSON object a line. Fields are flat and small; nobody hands it a token, a password or a body.
 */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

interface LoggerOptions {
  readonly worker: string;
  readonly level: LogLevel;
  /** By what a minute is told; the machine's own if absent. */
  readonly now?: Clock;
}

/**
 * A logger whose lines say which worker wrote them. Lines below `level` cost one comparison. Of
 * those whose `code` is `SPENDING_CAP` one a minute is written, in the words of
 * {@link spendingCapLine}.
 */
export function createLogger({ worker, level, now = Date.now }: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  const line = (name: LogLevel, event: string, fields: LogFields | undefined): string =>
    JSON.stringify({ level: name, worker, event, ...fields });
  const error: Logger["error"] = (event, fields) =>
    void (threshold > 3 || console.error(line("error", event, fields)));
  const tellCap = spendingCapLine({ error }, now);
  const unlessCapped =
    (write: Logger["error"]): Logger["error"] =>
    (event, fields) =>
      fields?.["code"] === "SPENDING_CAP" ? tellCap(event, fields) : write(event, fields);
  return {
    debug: unlessCapped(
      (event, fields) => void (threshold > 0 || console.debug(line("debug", event, fields))),
    ),
    info: unlessCapped((event, fields) => void (threshold > 1 || console.log(line("info", event, fields)))),
    warn: unlessCapped((event, fields) => void (threshold > 2 || console.warn(line("warn", event, fields)))),
    error: unlessCapped(error),
  };
}

interface LoggedRequest {
  readonly requestId: string;
  readonly traceparent: string;
  /** 1 if absent. */
  readonly logWeight?: number;
}

/**
 * By what the lines of one request are found in every worker, and for how many requests such a line
 * stands: absent where for itself.
 */
export function requestFields({ requestId, traceparent, logWeight }: LoggedRequest): LogFields {
  return {
    requestId,
    traceId: traceparent.slice(3, 35),
    sample: logWeight === 1 ? undefined : logWeight,
  };
}

/**
 * What a line says of a failure: the chain of causes, and its code where that is the account's
 * spending cap, which the logger tells once a minute.
 */
export function failureFields(error: unknown): LogFields {
  const causes = describeCauses(error);
  return isAtSpendingCap(error) ? { code: "SPENDING_CAP", causes } : { causes };
}

/**
 * Tells of what failed where nobody waits for an answer: one line for each, with what was being
 * done and the chain of causes, beside `fields`.
 */
export function failureLine(
  logger: Logger,
  event: string,
  fields?: LogFields,
): (what: string, error: unknown) => void {
  return (what, error) => logger.error(event, { ...fields, what, ...failureFields(error) });
}
