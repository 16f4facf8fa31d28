import type { Bulkhead } from "../../resilience/overload/bulkhead.ts";
import type { OverloadLimiter, WorkOutcome } from "../../resilience/overload/overload-limiter.ts";
import { SteadyTime } from "../../resilience/steady-time.ts";
import type { AnswerFailure } from "./call-failure.ts";
import type { HangUp } from "../call/patience.ts";
import { HangUpWatch } from "./hang-up-watch.ts";

/**
 * Reads and writes of one upstream are apart: neither can take the other's places, nor set the
 * other's limits.
 */
export interface Lane {
  readonly bulkhead: Bulkhead;
  readonly overload: OverloadLimiter | null;
}

/** A call under way, and the places it has. */
export interface Flight {
  readonly lane: Lane;
  /** On the flights' steady clock, as the next. */
  readonly startedAtMs: number;
  /** When it can't be under way any more. */
  readonly vanishesAtMs: number;
  /**
   * As what the breaker has let its present attempt through; null between attempts, and when it has
   * left.
   */
  attemptedAs: "admitted" | "trial" | null;
  /** Which of the things that fail apart it goes to. */
  readonly part: string | undefined;
  /** What the answer of its last attempt amounts to; null where that was good, or none. */
  failure: AnswerFailure | null;
  /** How long it has waited on purpose, in ms. */
  waitedMs: number;
  /** Tells that its caller has hung up, where the runtime does. */
  readonly hangUp: HangUp | undefined;
  /** Whether that is listened to. */
  isListening: boolean;
}

/** Beyond the time a call may take, in ms. */
const VANISHED_AFTER_MS = 1_000;

/**
 * The calls of a guard that are under way. The runtime drops a request whose client has hung up,
 * and what comes after its `await` is never run, `finally` neither: a call may never return, and
 * its place is given back all the same, at once where a hang-up is heard and when the call's time
 * is up where it isn't. Calls don't vanish in the order they began: a patient one must not keep the
 * places of those behind it.
 */
export class Flights {
  readonly #onVanished: (flight: Flight, nowMs: number) => void;
  readonly #flights = new Set<Flight>();
  /** No flight vanishes before: nearly always that is all there is to know of them. */
  #nextVanishesAtMs = Number.POSITIVE_INFINITY;
  /** One reading far ahead must not keep a place for as long, nor make a call look as slow. */
  readonly #time = new SteadyTime(VANISHED_AFTER_MS);
  readonly #hangUps = new HangUpWatch();

  /**
   * @param onVanished - told of each call whose caller has gone, before its place is given back;
   *   may be told twice
   */
  constructor(onVanished: (flight: Flight, nowMs: number) => void) {
    this.#onVanished = onVanished;
  }

  /** A call begins that has a place of its lane, and takes no longer than `longestMs`. */
  begin(
    { lane, part, hangUp }: Pick<Flight, "lane" | "part" | "hangUp">,
    longestMs: number,
    nowMs: number,
  ): Flight {
    const startedAtMs = this.#time.at(nowMs);
    const vanishesAtMs = startedAtMs + longestMs + VANISHED_AFTER_MS;
    const flight: Flight = {
      lane,
      startedAtMs,
      vanishesAtMs,
      attemptedAs: null,
      part,
      failure: null,
      waitedMs: 0,
      hangUp,
      isListening: false,
    };
    this.#flights.add(flight);
    this.#nextVanishesAtMs = Math.min(this.#nextVanishesAtMs, vanishesAtMs);
    return flight;
  }

  /** Gives its place back, once. */
  end(flight: Flight, nowMs: number, outcome: WorkOutcome): void {
    // I11
    if (!this.#flights.delete(flight)) return;
    flight.lane.bulkhead.leave();
    const tookMs = Math.min(this.#time.at(nowMs), flight.vanishesAtMs) - flight.startedAtMs;
    flight.lane.overload?.done(nowMs, nowMs - tookMs, outcome, flight.waitedMs);
  }

  /** Listens for the call's hang-up, if it is one of those that are listened for. */
  listenNow(flight: Flight, now: () => number): void {
    if (flight.hangUp === undefined) return;
    if (this.#hangUps.isNext(flight.startedAtMs, flight.lane.bulkhead.load)) this.listen(flight, now);
  }

  /** Has the call, and all others of its caller, end at once where the caller hangs up. */
  listen(flight: Flight, now: () => number): void {
    const { hangUp } = flight;
    if (hangUp === undefined || flight.isListening) return;
    flight.isListening = true;
    const onAbort = (): void => {
      for (const other of this.#flights) if (other.hangUp === hangUp) this.#vanish(other, now());
      // Its place may be gone already, and an attempt of its be under way all the same.
      this.#onVanished(flight, now());
    };
    const { signal } = hangUp;
    // One that has fired already never does again.
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  }

  /** Gives back the places of calls whose hang-ups nobody has heard. */
  giveUpVanished(nowMs: number): void {
    const atMs = this.#time.at(nowMs);
    if (atMs < this.#nextVanishesAtMs) return;
    this.#nextVanishesAtMs = Number.POSITIVE_INFINITY;
    for (const flight of this.#flights) {
      if (flight.vanishesAtMs > atMs)
        this.#nextVanishesAtMs = Math.min(this.#nextVanishesAtMs, flight.vanishesAtMs);
      else this.#vanish(flight, nowMs);
    }
  }

  /**
   * A call whose caller has gone ends without an outcome: it was not the upstream's doing, and how
   * long it took is not known.
   */
  #vanish(flight: Flight, nowMs: number): void {
    if (!this.#flights.has(flight)) return;
    this.#hangUps.onHangUp(this.#time.at(nowMs));
    this.#onVanished(flight, nowMs);
    this.end(flight, nowMs, "none");
  }
}
