/** How often things go wrong, each a share of calls in [0, 1]. */
export interface Trouble {
  /** A call fails and nothing has happened. */
  readonly failsBefore: number;
  /** A call fails though what it asked for has happened: the reply got lost. */
  readonly failsAfter: number;
  /** The process that calls dies, before or after the effect: all that it was doing is gone. */
  readonly crashes: number;
  /** A message is delivered twice. */
  readonly duplicates: number;
  /**
   * What a call asks for happens much later, when whoever asked has long given up on it, or is
   * dead.
   */
  readonly lateEffects: number;
  /** How late things may be, in ms. */
  readonly delayMsMax: number;
  /** A call of an object's storage throws, and nothing has happened. */
  readonly storageThrows: number;
  /** An object's alarm never goes off, and as often it is minutes late. */
  readonly alarmsLost: number;
}

export const NO_TROUBLE: Trouble = {
  failsBefore: 0,
  failsAfter: 0,
  crashes: 0,
  duplicates: 0,
  lateEffects: 0,
  delayMsMax: 20,
  storageThrows: 0,
  alarmsLost: 0,
};
