/*
 * An answer that has waited on purpose, for a commit that it shares with others, says for how long
 * (W3C, Server Timing): whoever judges by response times how much its sender can do takes it off.
 */

const SERVER_TIMING_HEADER = "server-timing";
const WAIT = /^commit;dur=(\d{1,6})$/;

/** The answer, which says how long it has waited on purpose; nothing where it hasn't. */
export function tellWait(answer: Response, waitedMs: number): Response {
  if (waitedMs > 0) answer.headers.set(SERVER_TIMING_HEADER, `commit;dur=${waitedMs}`);
  return answer;
}

/** How long the answer has waited on purpose, in ms, as far as it says. */
export function waitOf({ headers }: Response): number {
  const [, waitedMs = 0] = WAIT.exec(headers.get(SERVER_TIMING_HEADER) ?? "") ?? [];
  return Number(waitedMs);
}
