import { codeOf, releaseUnderWay } from "../../contracts/errors.ts";

/**
 * A service binding as the runtime types it: opaque, since the other worker's code is not ours to
 * import.
 */
type RpcBinding = object;

/**
 * Gives a service binding the interface that both sides share through `contracts`. The one place
 * where the runtime's word is taken for the type of another worker; the e2e tests hold it to that.
 */
export function bindRpc<T extends object>(binding: RpcBinding): T {
  return binding as T;
}

/**
 * Makes a call of a service or object that may be of the release before: a method that it doesn't
 * know is `UNAVAILABLE` until that has gone, and no failure of whoever answers so.
 */
export async function callAcrossReleases<R>(what: string, call: () => Promise<R>): Promise<R> {
  try {
    return await answerOf(call());
  } catch (error) {
    throw isUnknownMethod(error) ? releaseUnderWay(what, error) : error;
  }
}

/**
 * The answer of a call, with the session behind it let go: until an answer that is an object is
 * disposed of, the runtime keeps that session, and an object that has called never hibernates.
 * Plain data, as all our answers are, stays what it is.
 */
export async function answerOf<R>(call: Promise<R>): Promise<R> {
  const answer = await call;
  if (typeof answer === "object" && answer !== null && Symbol.dispose in answer)
    (answer as R & Disposable)[Symbol.dispose]();
  return answer;
}

/**
 * Whether the service answered that it has no such method: one of the release before, which is well
 * all the same.
 */
export function isUnknownMethod(error: unknown): boolean {
  // What has a code is in words of ours.
  return (
    error instanceof Error &&
    error.message.includes("does not implement the method") &&
    codeOf(error) === "INTERNAL"
  );
}
