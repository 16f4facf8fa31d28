/*
 * What always holds of a guard, whatever becomes of the call and of who waits for it:
 *
 * I11: A call under way has one place of its lane, and gives it back once, though it never returns.
 * I12: Each attempt that the breaker let through is told to it once.
 * I13: Nothing is sent after the deadline: it is asked before every attempt.
 * I14: Only what is idempotent is sent again, while budget, throttle and time allow it.
 * I15: What is refused before it was sent counts as no outcome, here and in all guards above.
 * I16: Where one attempt may have taken effect, no later refusal says that nothing was done.
 * I17: What a client's own hurry has cut short is no failure of the upstream.
 * I45: What is refused at the account's spending cap is neither failure nor success, opens nothing,
 *      limits nothing and is not sent again.
 */

import { CodedError, codeOf, hintsOf, isRetryable } from "../../contracts/errors.ts";
import type { Breaker, BreakerAdmission, BreakerOutcome } from "../../resilience/breaker/breaker.ts";
import type { Clock } from "../../resilience/clock.ts";
import {
  callLimitMs,
  deadlineOfOneMs,
  fairShareMs,
  hadItsTime,
  isWorthCalling,
  remainingMs,
} from "../../resilience/deadline.ts";
import type { WorkOutcome } from "../../resilience/overload/overload-limiter.ts";
import { hedged, type HedgePolicy } from "../../resilience/retry/hedge.ts";
import type { RetryBudget } from "../../resilience/retry/retry-budget.ts";
import { nextAttempt } from "../../resilience/retry/retry-policy.ts";
import type { RetryThrottle } from "../../resilience/retry/retry-throttle.ts";
import type { FaultInjector } from "./faults.ts";
import { isLate, mayHaveTakenEffect, outcomeOf, outOfTime, spent, workOutcomeOf } from "./call-failure.ts";
import { type Flight, Flights, type Lane } from "./flights.ts";
import type { Attempt, CallKind, CallPlan } from "./call-plan.ts";
import { CallTimeoutError, type CallTimer } from "./call-timer.ts";
import { CapWatch } from "./cap-watch.ts";
import type { Patience } from "../call/patience.ts";

export interface GuardParts {
  /** The upstream's name, in errors, breakers and faults. */
  readonly upstream: string;
  /** What one attempt may take at most, in ms. */
  readonly timeoutMs: number;
  readonly lanes: Readonly<Record<CallKind, Lane>> & {
    /**
     * That of dear calls, where they have one: with the others they would take their places, and
     * set their limits.
     */
    readonly dear?: Lane;
  };
  readonly breaker: Breaker;
  readonly budget: RetryBudget;
  readonly throttle: RetryThrottle;
  /** Gives slow reads a second call beside them; null where that is not wanted. */
  readonly hedge: HedgePolicy | null;
  readonly timer: CallTimer;
  /** Null where faults can't be injected: then nothing asks for them. */
  readonly faults: FaultInjector | null;
  readonly now: Clock;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /**
   * Lets work go on after its caller has gone. A service is told of no hang-up: its code would end
   * at the next `await`, and its call would keep its place for as long as the client could have
   * waited. Kept alive, it gives the place back when the upstream answers.
   */
  readonly keep: (work: Promise<unknown>) => void;
  /**
   * Hears after each attempt; here breakers report to their shared state, in the background.
   * Answers when they have its verdict, if they ask for it.
   */
  readonly afterAttempt: () => Promise<void> | undefined;
}

/** A breaker's leave to make a call. */
type Leave = Exclude<BreakerAdmission, { readonly kind: "rejected" }>;

const ATTEMPTS_MAX = 3;
const BACKOFF_MS_MAX = 250;
const OPEN_RETRY_MS = 1_000;
/** After so long there is no verdict, in ms. */
const VERDICT_MS_MAX = 1_000;
const SHED_RETRY_MS = 1_000;
/** Beyond this part of a lane every call is kept alive when its caller has gone. */
const UNKEPT_SHARE = 1 / 8;

/**
 * Everything between a worker and one of its upstreams: deadline, overload protection, bulkhead,
 * breaker, retries, time limit, faults, in this order (docs/design/resilience.md says why).
 * Whatever fails leaves it with three marks: whether it was tried again, whether nobody must, and
 * that no breaker further out counts it.
 */
export class Guard {
  readonly #parts: GuardParts;
  readonly #flights: Flights;
  readonly #cap: CapWatch;

  constructor(parts: GuardParts) {
    this.#parts = parts;
    this.#cap = new CapWatch(parts);
    // I12
    this.#flights = new Flights((flight, nowMs) => {
      const admission = flight.attemptedAs;
      flight.attemptedAs = null;
      if (admission !== null) parts.breaker.record(nowMs, "cancelled", admission, flight.part);
    });
  }

  get upstream(): string {
    return this.#parts.upstream;
  }

  /**
   * That of a caller who waits for one answer and no longer: all attempts together have the time
   * that one may take.
   */
  patienceOfOne(timeoutMs: number = this.#parts.timeoutMs): Patience {
    return { deadlineAtMs: deadlineOfOneMs(this.#parts.now(), timeoutMs) };
  }

  /**
   * Makes the call. Throws `DEADLINE_EXCEEDED`, `OVERLOADED` or `CIRCUIT_OPEN` without making it,
   * `UNAVAILABLE` where the upstream fails or is late, and the upstream's own errors otherwise.
   */
  call<T>(what: string, plan: CallPlan<T>, run: (attempt: Attempt) => Promise<T>): Promise<T> {
    let flight: Flight;
    try {
      flight = this.#enter(what, plan);
    } catch (error) {
      return Promise.reject(error);
    }
    const answer = this.#fly(what, plan, run, flight);
    if (plan.hangUp === undefined) this.#keepIfNeeded(answer, flight);
    // Dear calls keep few places for long: a burst of hang-ups that aren't heard would fill them
    // all.
    else if (plan.isDear === true) this.#flights.listen(flight, this.#parts.now);
    else this.#flights.listenNow(flight, this.#parts.now);
    return answer;
  }

  /**
   * Keeping each call would cost a read some twentieth, and hardly any loses its caller: those that
   * do keep their places until their time is up, an eighth of the lane at most, since from there on
   * every call is kept. So is a trial, which decides for all others.
   */
  #keepIfNeeded(answer: Promise<unknown>, { lane, attemptedAs }: Flight): void {
    if (attemptedAs === "trial" || lane.bulkhead.load > UNKEPT_SHARE)
      this.#parts.keep(answer.catch(() => undefined));
  }

  async #fly<T>(
    what: string,
    plan: CallPlan<T>,
    run: (attempt: Attempt) => Promise<T>,
    flight: Flight,
  ): Promise<T> {
    const { budget, now, sleep } = this.#parts;
    let outcome: WorkOutcome = "none";
    let isUnknown = false;
    try {
      budget.request(now());
      for (let number = 1; ; number += 1) {
        let delayMs: number | null;
        try {
          const answer = await this.#attempt(what, plan, run, number, flight);
          flight.waitedMs = plan.waitOf?.(answer) ?? 0;
          if (flight.failure === null) {
            outcome = "success";
            return answer;
          }
          isUnknown ||= mayHaveTakenEffect(flight.failure);
          outcome = workOutcomeOf(flight.failure, plan.isHurried === true);
          delayMs = this.#delayBeforeNext(plan, flight.failure, number);
          if (delayMs === null) return answer;
        } catch (error) {
          // I16
          isUnknown ||= mayHaveTakenEffect(error);
          outcome = workOutcomeOf(error, plan.isHurried === true);
          delayMs = this.#delayBeforeNext(plan, error, number);
          if (delayMs === null) throw spent(error, what, plan, isUnknown);
        }
        await sleep(delayMs);
      }
    } finally {
      this.#flights.end(flight, now(), outcome);
    }
  }

  /** Takes a place, or refuses. */
  #enter<T>(
    what: string,
    { kind, isDear, criticality, timeoutMs, deadlineAtMs, part, hangUp }: CallPlan<T>,
  ): Flight {
    const nowMs = this.#parts.now();
    if (!isWorthCalling(remainingMs(deadlineAtMs, nowMs))) throw outOfTime(what);
    this.#flights.giveUpVanished(nowMs);
    const { lanes } = this.#parts;
    const lane = (isDear === true ? lanes.dear : undefined) ?? lanes[kind];
    if (lane.overload !== null && !lane.overload.admit(nowMs, criticality ?? "critical"))
      throw this.#refuse("OVERLOADED", SHED_RETRY_MS);
    if (!lane.bulkhead.tryEnter()) {
      // I15
      lane.overload?.done(nowMs, nowMs, "none");
      throw this.#refuse("OVERLOADED", SHED_RETRY_MS);
    }
    const longestMs = ATTEMPTS_MAX * ((timeoutMs ?? this.#parts.timeoutMs) + BACKOFF_MS_MAX);
    const patienceMs = Math.min(remainingMs(deadlineAtMs, nowMs), longestMs);
    return this.#flights.begin({ lane, part, hangUp }, patienceMs, nowMs);
  }

  /** One attempt, admitted by the breaker and told to it. */
  async #attempt<T>(
    what: string,
    plan: CallPlan<T>,
    run: (attempt: Attempt) => Promise<T>,
    number: number,
    flight: Flight,
  ): Promise<T> {
    const { breaker, throttle, hedge, timer, faults, now, random, afterAttempt } = this.#parts;
    const startedAtMs = now();
    const leftMs = remainingMs(plan.deadlineAtMs, startedAtMs);
    // I13
    if (!isWorthCalling(leftMs)) throw outOfTime(what);
    const timeoutMs = plan.timeoutMs ?? this.#parts.timeoutMs;
    const asked = breaker.admit(startedAtMs, random(), plan.part);
    const admission =
      asked.kind === "rejected"
        ? await this.#askToProbe(plan, leftMs - timeoutMs, asked.retryAfterMs)
        : asked;
    const limitMs = callLimitMs({ remainingMs: leftMs, timeoutMs });
    const isHurried = plan.isHurried === true && limitMs < timeoutMs;
    flight.attemptedAs = admission.kind;
    flight.failure = null;
    let outcome: BreakerOutcome = "success";
    try {
      const attempt = { limitMs, number, isHurried };
      const start = (): Promise<T> => (faults === null ? run(attempt) : faults.around(() => run(attempt)));
      const running =
        hedge !== null && plan.kind === "read" && plan.idempotent
          ? this.#hedged(hedge, plan, start)
          : start();
      const answering = (plan.timer ?? timer).withTimeout(running, limitMs);
      if (admission.kind === "trial") this.#seeToTrial(answering, plan, number, flight);
      const answer = await answering;
      flight.failure = plan.failureOf?.(answer) ?? null;
      const isCapped = this.#cap.answered(flight.failure);
      if (flight.failure !== null) outcome = outcomeOf(flight.failure, true);
      if (outcome === "failure") throttle.failure();
      else if (!isCapped) throttle.success();
      return answer;
    } catch (thrown) {
      // I45
      const error = this.#cap.thrown(thrown);
      // I17
      outcome = outcomeOf(error, hadItsTime({ limitMs, timeoutMs, isHurried }));
      if (outcome === "failure") throttle.failure();
      throw this.#coded(error, limitMs >= timeoutMs);
    } finally {
      // I12. Null where it was taken for vanished, and the breaker told so.
      if (flight.attemptedAs !== null) breaker.record(now(), outcome, flight.attemptedAs, plan.part);
      flight.attemptedAs = null;
      void afterAttempt();
    }
  }

  /**
   * A trial decides for all others: whoever hangs up on it must not leave them waiting. One that is
   * a call's first attempt is kept alive with the call.
   */
  #seeToTrial(answer: Promise<unknown>, { hangUp }: Patience, number: number, flight: Flight): void {
    this.#flights.listen(flight, this.#parts.now);
    if (hangUp === undefined && number > 1) this.#parts.keep(answer.catch(() => undefined));
  }

  /**
   * What becomes of a call that the breaker rejects: refused, unless nobody waits for it and there
   * is time. Then it waits for the shared verdict, which may be that it is to probe: its next call
   * may be minutes away.
   */
  async #askToProbe<T>(
    { part, isBackground = false }: CallPlan<T>,
    spareMs: number,
    retryAfterMs: number,
  ): Promise<Leave> {
    const { breaker, now, random, afterAttempt } = this.#parts;
    const told = afterAttempt();
    if (told !== undefined && isBackground && spareMs >= VERDICT_MS_MAX) {
      await told;
      const leave = breaker.admit(now(), random(), part);
      if (leave.kind !== "rejected") return leave;
    }
    throw this.#cap.refusal() ?? this.#refuse("CIRCUIT_OPEN", retryAfterMs || OPEN_RETRY_MS);
  }

  /**
   * The faster of two calls, where the first is later than nearly all are. To breaker and throttle
   * they are one.
   */
  async #hedged<T>(
    hedge: HedgePolicy,
    { failureOf = () => null }: CallPlan<T>,
    start: () => Promise<T>,
  ): Promise<T> {
    const { now, random, sleep } = this.#parts;
    const startedAtMs = now();
    const isFailure = (answer: T): boolean => failureOf(answer) !== null;
    const answer = await hedged(start, {
      delayMs: hedge.delayMs(startedAtMs),
      sleep,
      mayHedge: () => hedge.mayHedge(now()),
      isFailure,
    });
    if (!isFailure(answer)) hedge.observe(now(), now() - startedAtMs, random());
    return answer;
  }

  #delayBeforeNext<T>(plan: CallPlan<T>, error: unknown, attempt: number): number | null {
    const { budget, throttle, now, random } = this.#parts;
    // I14
    if (!plan.idempotent || !isRetryable(error) || !throttle.allowsRetry) return null;
    const nowMs = now();
    const { retryAfterMs } = hintsOf(error);
    const timeoutMs = plan.timeoutMs ?? this.#parts.timeoutMs;
    const delayMs = nextAttempt({
      attempt,
      attemptsMax: plan.attemptsMax ?? ATTEMPTS_MAX,
      remainingMs: remainingMs(plan.deadlineAtMs, nowMs),
      random: random(),
      // An upstream that hangs will hang again: a shorter second wait would only make the caller
      // late as well, and its own caller blame it.
      ...(isLate(error) ? { usefulMs: fairShareMs(timeoutMs) } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
    return delayMs !== null && budget.tryWithdraw(nowMs) ? delayMs : null;
  }

  /**
   * Late by its timeout, an upstream can't be had; late by the caller's deadline, time is up,
   * whatever the reason. An error without a code is the transport's or a bug over there: to the
   * caller that upstream is unavailable, and reads may try again.
   */
  #coded(cause: unknown, hadItsTimeout: boolean): unknown {
    if (cause instanceof CallTimeoutError) {
      return new CodedError(
        hadItsTimeout ? "UNAVAILABLE" : "DEADLINE_EXCEEDED",
        `${this.#parts.upstream} took too long`,
        { cause },
      );
    }
    return codeOf(cause) === "INTERNAL"
      ? new CodedError("UNAVAILABLE", `${this.#parts.upstream} failed`, { cause })
      : cause;
  }

  /** Refused here, before anything was sent (I15). */
  #refuse(code: "OVERLOADED" | "CIRCUIT_OPEN", retryAfterMs: number): CodedError {
    const why =
      code === "OVERLOADED" ? "has more work than it can do" : "is failing and is left alone for now";
    return new CodedError(code, `${this.#parts.upstream} ${why}`, {
      retryAfterMs,
      mustNotRetry: true,
      failedBelow: true,
    });
  }
}
