/** What goes wrong without anybody waiting for an answer. */
export const FAILURE_KINDS = [
  "dead_flush",
  "dead_refill",
  "unreadable",
  "bad_key",
  "bad_record",
  "refused_batch",
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** A queue message that nobody can read, without its values. */
export interface UnreadableMessage {
  readonly id: string;
  readonly outline: string;
  readonly attempts: number;
}

export interface Failures {
  readonly counts: Readonly<Partial<Record<FailureKind, number>>>;
  readonly unreadable?: readonly UnreadableMessage[];
}

/** Where failures are counted for operators to see. */
export interface FailureLog {
  /** One write, however much it is. What comes twice is counted twice. */
  note(failures: Failures): Promise<void>;
}
