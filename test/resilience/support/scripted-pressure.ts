import type { Pressure } from "../../../src/resilience/overload/pressure.ts";

/** Pressure as a test says, and a record of what it was told. */
export class ScriptedPressure implements Pressure {
  high = false;
  over = 0;
  readonly told: (readonly [string, ...number[]])[] = [];

  onStart(nowMs: number, inFlight: number): void {
    this.told.push(["start", nowMs, inFlight]);
  }

  onDone(nowMs: number, rtMs: number, minRtMs: number, inFlight: number): void {
    this.told.push(["done", nowMs, rtMs, minRtMs, inFlight]);
  }

  onOverloaded(nowMs: number): void {
    this.told.push(["overloaded", nowMs]);
  }

  isHigh(): boolean {
    return this.high;
  }

  excess(): number {
    return this.over;
  }
}
