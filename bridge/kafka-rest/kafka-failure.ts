import { findErrorBy } from "@platformatic/kafka";
import { FrontError } from "../shared/front-error.ts";

/** Kafka's answers to what can't be done as it was asked, by the status that we answer. */
const REFUSALS: Readonly<Record<string, number>> = {
  MESSAGE_TOO_LARGE: 413,
  RECORD_LIST_TOO_LARGE: 413,
  OFFSET_OUT_OF_RANGE: 416,
  UNKNOWN_TOPIC_OR_PARTITION: 404,
  TOPIC_AUTHORIZATION_FAILED: 403,
  GROUP_AUTHORIZATION_FAILED: 403,
  CLUSTER_AUTHORIZATION_FAILED: 403,
  INVALID_TOPIC_EXCEPTION: 400,
  INVALID_GROUP_ID: 400,
  INVALID_RECORD: 400,
  INVALID_TIMESTAMP: 400,
  INVALID_PARTITIONS: 400,
  INVALID_REPLICATION_FACTOR: 400,
  POLICY_VIOLATION: 400,
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 400,
  UNKNOWN_MEMBER_ID: 409,
  ILLEGAL_GENERATION: 409,
  REBALANCE_IN_PROGRESS: 409,
};
const CAUSES_MAX = 10;
/** What the library itself finds missing, and tells as a text only. */
const MISSING = /^Unknown topic |^Topic \S+ has no committed offset /;

/** Whether it is, or was caused by, what Kafka calls so. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && findErrorBy(error, "apiId", name) !== null;
}

/** What Kafka has refused for good, and nothing of which was done; null for all else. */
export function refusalOf(error: unknown): FrontError | null {
  if (!(error instanceof Error)) return null;
  if (MISSING.test(error.message)) return new FrontError(404, error.message, { cause: error });
  for (const [name, status] of Object.entries(REFUSALS)) {
    if (isNamed(error, name)) return new FrontError(status, `Kafka refuses it: ${name}`, { cause: error });
  }
  return null;
}

/** Why something that changes nothing couldn't be done. */
export function failureOf(error: unknown): FrontError {
  if (error instanceof FrontError) return error;
  return (
    refusalOf(error) ?? new FrontError(503, `Kafka does not answer: ${reasonIn(error)}`, { cause: error })
  );
}

/**
 * Kafka's name for it, or the code of what lies deepest, a socket's or a certificate's: texts may
 * hold addresses.
 */
export function reasonIn(error: unknown): string {
  const causes: readonly (Error & Coded)[] = [...causesOf(error, CAUSES_MAX)];
  const named = causes.find(({ apiId }) => typeof apiId === "string")?.apiId;
  const code = causes.findLast((cause) => typeof cause.code === "string")?.code;
  return String(named ?? code ?? causes[0]?.name ?? "unknown");
}

interface Coded {
  readonly apiId?: unknown;
  readonly code?: unknown;
}

/** From the outside in; of several tries the last one. */
function* causesOf(error: unknown, max: number): Generator<Error> {
  if (!(error instanceof Error) || max === 0) return;
  yield error;
  yield* causesOf(error.cause, max - 1);
  if (error instanceof AggregateError) yield* causesOf(error.errors.at(-1), max - 1);
}
