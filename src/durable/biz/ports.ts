/**
 * The storage of one object: small values by key, and one alarm. Every method is synchronous; what
 * one turn of the object writes is durable before its answer leaves.
 */
export interface ObjectStore {
  get(key: string): unknown;
  put(key: string, value: unknown): void;
  entries(prefix: string): Iterable<readonly [string, unknown]>;
  delete(key: string): void;
  setAlarm(atMs: number): void;
  /**
   * Forgets everything, the alarm and the storage itself: nothing is left of the object that could
   * cost anything.
   */
  erase(): void;
  /**
   * Makes all writes of `work`, or none if it throws. A turn's writes are one transaction against
   * crashes, but not against an exception that the runtime catches: what was written before it
   * would stay.
   */
  transaction(work: () => void): void;
}
