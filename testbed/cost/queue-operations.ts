/** The platform counts 64 KB as one operation. */
const BYTES_PER_OPERATION = 64_000;

/** Operations for writing, reading or deleting a message once: one for each 64 KB begun. */
export function queueOperations(bytes: number): number {
  if (!(bytes >= 0)) throw new RangeError(`bytes must be 0 or more, was ${bytes}`);
  return Math.max(1, Math.ceil(bytes / BYTES_PER_OPERATION));
}
