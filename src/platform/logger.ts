import { describeCauses } from "../contracts/errors.ts";

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
}

/** A logger whose lines say which worker wrote them. Lines below `level` cost one comparison. */
export function createLogger({ worker, level }: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  const line = (name: LogLevel, event: string, fields: LogFields | undefined): string =>
    JSON.stringify({ level: name, worker, event, ...fields });
  return {
    debug: (event, fields) => void (threshold > 0 || console.debug(line("debug", event, fields))),
    info: (event, fields) => void (threshold > 1 || console.log(line("info", event, fields))),
    warn: (event, fields) => void (threshold > 2 || console.warn(line("warn", event, fields))),
    error: (event, fields) => void (threshold > 3 || console.error(line("error", event, fields))),
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
 * Tells of what failed where nobody waits for an answer: one line for each, with what was being
 * done and the chain of causes, beside `fields`.
 */
export function failureLine(
  logger: Logger,
  event: string,
  fields?: LogFields,
): (what: string, error: unknown) => void {
  return (what, error) => logger.error(event, { ...fields, what, causes: describeCauses(error) });
}
