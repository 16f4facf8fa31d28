import type { Criticality } from "../../resilience/overload/criticality.ts";
import type { Patience } from "../call/patience.ts";
import type { AnswerFailure } from "./call-failure.ts";
import type { CallTimer } from "./call-timer.ts";

export type CallKind = "read" | "write";

/**
 * One try: how long it may take, which it is (from 1), and whether a client's hurry has left it
 * less than its timeout: then the upstream must be told.
 */
export interface Attempt {
  readonly limitMs: number;
  readonly number: number;
  readonly isHurried: boolean;
}

/** How a call is to be made, and judged. */
export interface CallPlan<T> extends Patience {
  readonly kind: CallKind;
  /**
   * Whether it asks for work that keeps a core busy for long, such as hashing a password. False if
   * absent.
   */
  readonly isDear?: boolean;
  /** Whether the call may be made twice. */
  readonly idempotent: boolean;
  /**
   * Whether somebody further out may know that twice is as good as once, by a key: what fails here
   * without being known to have failed there is not said to be final. False if absent.
   */
  readonly keyed?: boolean;
  /** Tries, the first one included; three if absent. */
  readonly attemptsMax?: number;
  /** What the work of an overloaded upstream is chosen by; `critical` if absent. */
  readonly criticality?: Criticality;
  /** What an attempt may take, where it is not the guard's own timeout, in ms. */
  readonly timeoutMs?: number;
  /** How it is given up when it is late, where that is not the guard's own way. */
  readonly timer?: CallTimer;
  /**
   * Which of several things behind this upstream is called, where they fail apart: one that is ill
   * is left alone, and closes none of the others.
   */
  readonly part?: string;
  /**
   * What an answer amounts to where it is a failure, null where it is good; every answer is good if
   * absent. A failure is judged as if it had been thrown, by breaker, retries and overload
   * protection, and is the call's answer all the same: nothing is thrown for it.
   */
  readonly failureOf?: (answer: T) => AnswerFailure | null;
  /**
   * How long an answer has waited on purpose, in ms: overload protection takes it off the response
   * time. Nothing has if absent.
   */
  readonly waitOf?: (answer: T) => number;
}
