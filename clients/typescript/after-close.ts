/**
 * What a client does when its socket is closed: comes back after a while that doubles with each
 * failure, comes back within half a minute because so do all others, comes back slowly, signs in
 * anew, or gives up, because to come back would end the same.
 */
export type AfterClose = "again" | "spread" | "slowly" | "sign in" | "give up";

/** The codes of docs/design/realtime.md. Whatever isn't here: again. */
const AFTER: Readonly<Record<number, AfterClose>> = {
  // What we sent is no packet, or too long: it would be again.
  1002: "give up",
  1009: "give up",
  // The object is being replaced, and so are those of everybody.
  1012: "spread",
  4401: "sign in",
  4403: "give up",
  4408: "again",
  // Another connection has our key: to come back would close that one, and so on.
  4409: "give up",
  4410: "again",
  4413: "again",
  4422: "give up",
  4429: "slowly",
  4430: "slowly",
};

const AGAIN_MS = 2_000;
const AGAIN_MS_MAX = 30_000;
const SPREAD_MS = 30_000;
const SLOWLY_MS = 30_000;
const SLOWLY_MS_MAX = 600_000;
const DOUBLINGS_MAX = 10;

export function afterClose(code: number): AfterClose {
  return AFTER[code] ?? "again";
}

/**
 * How long to wait before the next attempt, in ms: full jitter, so that those who were cut together
 * don't come back together.
 *
 * @param failures attempts that have failed since the socket was last well
 */
export function waitMs(after: "again" | "spread" | "slowly", failures: number, random: () => number): number {
  const doubled = 2 ** Math.min(failures, DOUBLINGS_MAX);
  if (after === "spread") return random() * SPREAD_MS;
  if (after === "again") return random() * Math.min(AGAIN_MS * doubled, AGAIN_MS_MAX);
  return SLOWLY_MS + random() * Math.min(SLOWLY_MS * doubled, SLOWLY_MS_MAX);
}
