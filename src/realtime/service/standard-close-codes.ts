/** Codes of RFC 6455, 7.4.1, with which sockets end that nobody closes for a reason of ours. */
export const STANDARD_CLOSE_CODES = {
  normal: 1_000,
  /** One end is gone, or going. */
  goingAway: 1_001,
  /** In no frame: the close frame had none. */
  noCode: 1_005,
  /** In no frame: there was no close frame. */
  cut: 1_006,
} as const;

const RESERVED = 1_004;
const NEVER_SENT: ReadonlySet<number> = new Set([
  RESERVED,
  STANDARD_CLOSE_CODES.noCode,
  STANDARD_CLOSE_CODES.cut,
]);

/** Whether a close frame may have the code. */
export function isSendable(code: number): boolean {
  const isPrivate = code >= 3_000 && code <= 4_999;
  const isStandard = code >= 1_000 && code <= 1_013;
  return isPrivate || (isStandard && !NEVER_SENT.has(code));
}
