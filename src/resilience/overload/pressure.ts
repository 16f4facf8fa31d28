/**
 * How a limiter learns that its upstream has too much to do. A port: what can be seen differs from
 * platform to platform.
 */
export interface Pressure {
  /** Work starts; `inFlight` counts it. */
  onStart(nowMs: number, inFlight: number): void;
  /**
   * Work that took `rtMs` has ended; `minRtMs` is what it takes at its best, and `inFlight` counts
   * it no more.
   */
  onDone(nowMs: number, rtMs: number, minRtMs: number, inFlight: number): void;
  /** The upstream said so itself. */
  onOverloaded(nowMs: number): void;
  isHigh(nowMs: number): boolean;
  /** How far over the trigger it is: 1 at the trigger, 2 at twice of it. */
  excess(nowMs: number): number;
}
