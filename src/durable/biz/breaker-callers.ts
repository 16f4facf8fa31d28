import type { BreakerCaller, BreakerEngine, CallsSeen } from "../../contracts/durable.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import { TripWindow } from "../../resilience/breaker/trip-window.ts";

interface Caller {
  readonly worker: string;
  readonly engine: BreakerEngine;
  readonly calls: TripWindow;
  readonly seenAtMs: number;
}

/** An upstream has fewer; one that is just being deployed may call by two engines. */
const CALLERS_MAX = 32;
/** As long as the crons' own period: whoever calls once a minute is among them. */
const FORGET_AFTER_MS = 60_000;
/** More than an isolate can call between two reports. */
const COUNT_MAX = 1_000_000;

/**
 * Who calls an upstream, by which engine, and how that went within the last ten seconds. Hints for
 * operators, in memory only.
 */
export class BreakerCallers {
  readonly #time = new SteadyTime(FORGET_AFTER_MS);
  /** Those seen last are last. */
  readonly #callers = new Map<string, Caller>();

  note(nowMs: number, { worker, engine, ok, failed }: CallsSeen): void {
    const atMs = this.#time.at(nowMs);
    const key = `${engine} ${worker}`;
    const calls = this.#callers.get(key)?.calls ?? new TripWindow();
    calls.add(nowMs, "success", Math.min(ok, COUNT_MAX));
    calls.add(nowMs, "failure", Math.min(failed, COUNT_MAX));
    this.#callers.delete(key);
    this.#callers.set(key, { worker, engine, calls, seenAtMs: atMs });
    const [oldest] = this.#callers.keys();
    if (this.#callers.size > CALLERS_MAX && oldest !== undefined) this.#callers.delete(oldest);
  }

  /** Sorted by the worker's name. */
  view(nowMs: number): readonly BreakerCaller[] {
    const atMs = this.#time.at(nowMs);
    return [...this.#callers.values()]
      .filter(({ seenAtMs }) => atMs - seenAtMs <= FORGET_AFTER_MS)
      .map(({ worker, engine, calls }) => ({
        worker,
        engine,
        total: calls.total(nowMs),
        failures: calls.failures(nowMs),
      }))
      .sort((one, other) => (one.worker < other.worker ? -1 : 1));
  }
}
