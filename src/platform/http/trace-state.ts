/**
 * W3C Trace Context, 3.3.1.3: level 2's keys, which may begin with a digit and hold any number of
 * at signs; level 1's are among them.
 */
const MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MEMBERS_MAX = 32;
/**
 * So much must be passed on, and no more is: of a longer one the long members are dropped first,
 * then the oldest.
 */
const LENGTH_MAX = 512;
const LONG_MEMBER = 128;
/** Of more than this nothing is read: 32 members of the greatest length are shorter. */
const READ_LENGTH_MAX = 20_000;

/**
 * The `tracestate` header as it travels on beside our `traceparent`: what other vendors have noted
 * on their trace, in their order, with nothing of ours. Null where there is none, or where any of
 * it is not valid: then all of it is dropped, as the recommendation asks. Several headers are one,
 * joined by commas.
 */
export function readTracestate(header: string | null): string | null {
  if (header === null || header.length > READ_LENGTH_MAX) return null;
  const members = header
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (members.length === 0 || members.length > MEMBERS_MAX || !members.every((member) => MEMBER.test(member)))
    return null;
  const kept = fitting(members);
  return kept.length === 0 ? null : kept.join(",");
}

/**
 * The members that have room: the long ones leave first, then those at the end, whole each time
 * (3.3.1.5).
 */
function fitting(members: readonly string[]): readonly string[] {
  const lengthOf = (some: readonly string[]): number =>
    some.reduce((sum, member) => sum + member.length + 1, -1);
  const kept = [...members];
  for (let index = kept.length - 1; index >= 0 && lengthOf(kept) > LENGTH_MAX; index -= 1) {
    if ((kept[index]?.length ?? 0) > LONG_MEMBER) kept.splice(index, 1);
  }
  while (lengthOf(kept) > LENGTH_MAX) kept.pop();
  return kept;
}
