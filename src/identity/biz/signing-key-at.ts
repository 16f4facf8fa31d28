import { ACCESS_TOKEN_TTL_MS } from "../../contracts/internal-request.ts";
import type { SigningKeyRecord } from "./ports.ts";

/** The key that no other has retired. */
export function newestKey(keys: readonly SigningKeyRecord[]): SigningKeyRecord | undefined {
  return keys.findLast((key) => key.verifyUntilMs === null) ?? keys.at(-1);
}

/**
 * The key that signs at `nowMs`: the newest once it has begun to, until then the latest of those
 * before it. A retired key never signs beside a newest one that has begun, whatever clocks have
 * given them their times. A lone key from a clock ahead of ours may sign early.
 */
export function signingKeyAt(keys: readonly SigningKeyRecord[], nowMs: number): SigningKeyRecord | undefined {
  const begun = keys.filter((key) => key.signsFromMs <= nowMs);
  return begun.findLast((key) => key.verifyUntilMs === null) ?? begun.at(-1) ?? keys[0];
}

/**
 * Whichever key may sign at `nowMs`, the one that should first: the others are for an isolate that
 * can't open that one. None verifies for less than a token lives.
 */
export function signingCandidates(
  keys: readonly SigningKeyRecord[],
  nowMs: number,
): readonly SigningKeyRecord[] {
  const first = signingKeyAt(keys, nowMs);
  return [
    ...(first === undefined ? [] : [first]),
    ...keys.toReversed().filter((key) => key !== first),
  ].filter(({ verifyUntilMs }) => verifyUntilMs === null || verifyUntilMs - nowMs >= ACCESS_TOKEN_TTL_MS);
}
