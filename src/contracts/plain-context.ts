import {
  ID_LENGTH_MAX,
  LABEL_LENGTH_MAX,
  REMAINING_MS_MAX,
  ROLES_MAX,
  type CallContext,
  type Principal,
} from "./call-context.ts";
import { isCellName } from "./cell.ts";
import { isContinent } from "./continent.ts";
import { LOG_WEIGHT_MAX } from "./internal-request.ts";

/**
 * Whether a context is as every worker of this release sends it, so that the schema needn't be
 * asked, which takes ten times as long at each call. No is no fault: that is for the schema to say.
 */
export function isPlainContext(given: unknown): given is CallContext {
  if (typeof given !== "object" || given === null) return false;
  const context = given as Members<CallContext>;
  const { requestId, traceparent, remainingMs, principal } = context;
  const { isHurried, attempt, clientAddress, continent, logWeight } = context;
  return (
    isText(requestId, 1, LABEL_LENGTH_MAX) &&
    isText(traceparent, 0, LABEL_LENGTH_MAX) &&
    isNumberIn(remainingMs, 0, REMAINING_MS_MAX) &&
    (principal === null || isPlainPrincipal(principal)) &&
    (isHurried === undefined || typeof isHurried === "boolean") &&
    (attempt === undefined || isIntegerIn(attempt, 1, Number.MAX_SAFE_INTEGER)) &&
    (clientAddress === undefined || isText(clientAddress, 0, ID_LENGTH_MAX)) &&
    (continent === undefined || isContinent(continent)) &&
    (logWeight === undefined || isIntegerIn(logWeight, 1, LOG_WEIGHT_MAX))
  );
}

type Members<T> = Readonly<Partial<Record<keyof T, unknown>>>;

function isPlainPrincipal(given: unknown): boolean {
  if (typeof given !== "object" || given === null) return false;
  const { userId, sessionId, roles, cell } = given as Members<Principal>;
  return (
    isText(userId, 1, ID_LENGTH_MAX) &&
    isText(sessionId, 1, ID_LENGTH_MAX) &&
    Array.isArray(roles) &&
    roles.length <= ROLES_MAX &&
    roles.every((role) => isText(role, 0, ID_LENGTH_MAX)) &&
    (cell === undefined || isCellName(cell))
  );
}

function isText(value: unknown, min: number, max: number): boolean {
  return typeof value === "string" && value.length >= min && value.length <= max;
}

function isNumberIn(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && value >= min && value <= max;
}

function isIntegerIn(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && isNumberIn(value, min, max);
}
