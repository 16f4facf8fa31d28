import { setImmediate } from "node:timers/promises";
import { mulberry32 } from "../../../testbed/mulberry32.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { SimCap } from "./sim-cap.ts";
import { NO_TROUBLE, type Trouble } from "./trouble.ts";

/**
 * Something of ours that runs: when it dies, every task that was awaiting something is gone, and
 * its memory with it.
 */
export class SimProcess {
  readonly name: string;
  /** Null where it never dies: clients and operators, whose patience is not under test. */
  readonly restart: (() => void) | null;
  life = 0;

  constructor(name: string, restart: (() => void) | null = null) {
    this.name = name;
    this.restart = restart;
  }
}

/** A call failed, on purpose. */
export class InjectedError extends Error {
  override readonly name = "InjectedError";
  readonly code = "UNAVAILABLE";
}

/**
 * Ends when whatever promises do among themselves has happened: a tick that a microtask asks for
 * comes after the last microtask, and without a round of the event loop, which is dear.
 */
function followUps(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

const TRACE_MAX = 40;
const RPC_TIMEOUT_MS = 10_000;
/**
 * How much later than usual an effect may come, in ms: after any patience, and before all is healed
 * for good.
 */
const EFFECT_LATE_MS_MAX = 45_000;

/**
 * A world in one thread whose time and luck come from a seed. Every call through {@link call} is a
 * step: it may be late, fail before or after its effect, or take its caller's process with it.
 * After each step the world's `check` may look at everything.
 */
export class Kernel {
  readonly random: () => number;
  readonly trace: string[] = [];
  /** Effects that came late, and those among them whose callers had died. */
  readonly late = { effects: 0, orphans: 0 };
  readonly cap: SimCap;
  readonly #time: VirtualTime;
  readonly #turnEnds: (() => void)[] = [];
  readonly #check: () => void;
  trouble: Trouble = NO_TROUBLE;
  steps = 0;
  #dirty = false;

  /**
   * @param check looks at the whole world after each step that asked for something; throws where it
   *   is not as it must be
   */
  constructor(seed: number, startMs: number, check: () => void) {
    this.random = mulberry32(seed);
    this.#time = new VirtualTime(startMs);
    this.#check = check;
    this.cap = new SimCap({
      after: (delayMs, what, run) => this.after(delayMs, what, run),
      random: this.random,
      now: this.now,
    });
  }

  readonly now = (): number => this.#time.now();

  get nowMs(): number {
    return this.#time.now();
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  after(delayMs: number, what: string, run: () => void): void {
    this.timer(delayMs, what, run);
  }

  /** What {@link after} does, and it can be called off: then it never was a step. */
  timer(delayMs: number, what: string, run: () => void): () => void {
    return this.#time.after(delayMs, () => {
      this.steps += 1;
      if (what !== "") this.#note(what);
      run();
    });
  }

  /**
   * Runs `end` when everything that follows from the present step without a further call has
   * happened.
   */
  atTurnEnd(end: () => void): void {
    this.#turnEnds.push(end);
  }

  /** Asks for something outside of `caller`. `effect` happens at one moment, or not at all. */
  call<T>(caller: SimProcess, what: string, effect: () => T | Promise<T>): Promise<T> {
    const { life } = caller;
    const { lateEffects } = this.trouble;
    const isLate = lateEffects > 0 && this.chance(lateEffects);
    return new Promise<T>((resolve, reject) => {
      this.after(
        isLate ? Math.floor(this.random() * EFFECT_LATE_MS_MAX) : this.#delay(),
        `${caller.name}: ${what}${isLate ? ", late" : ""}`,
        () => {
          if (isLate) this.late.effects += 1;
          if (caller.life !== life) return isLate ? this.#orphaned(effect) : undefined;
          const { failsBefore, failsAfter, crashes } = this.trouble;
          if (caller.restart !== null && this.chance(crashes)) return this.crash(caller);
          if (this.chance(failsBefore))
            return this.#answer(caller, life, `${what} fails`, () =>
              reject(new InjectedError(`${what} failed`)),
            );
          this.#dirty = true;
          const isLost = this.chance(failsAfter);
          const settle = (answer: () => void): void =>
            this.#answer(caller, life, isLost ? `${what}: reply lost` : "", answer);
          const lost = (): void => settle(() => reject(new InjectedError(`the reply to ${what} got lost`)));
          Promise.resolve()
            .then(effect)
            .then(
              (value) => (isLost ? lost() : settle(() => resolve(value))),
              (error: unknown) => settle(() => reject(error)),
            );
          if (this.chance(crashes)) this.crash(caller);
        },
      );
    });
  }

  /**
   * A {@link call} whose caller waits for `patienceMs`; its patience costs no step once it has been
   * answered.
   */
  ask<T>(caller: SimProcess, what: string, patienceMs: number, effect: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { life } = caller;
      const patience = this.timer(patienceMs, "", () => {
        if (caller.life === life) reject(new InjectedError(`${what} was not answered`));
      });
      this.call(caller, what, effect).then(resolve, reject).finally(patience);
    });
  }

  /** Lets `process` wait; if it dies meanwhile nothing follows. */
  pause(process: SimProcess, delayMs: number): Promise<void> {
    const { life } = process;
    return new Promise<void>((resolve) => {
      this.after(delayMs, "", () => {
        if (process.life === life) resolve();
      });
    });
  }

  /**
   * A {@link call} at something that may die while it works: after a while its silence is a
   * failure.
   */
  rpc<T>(caller: SimProcess, what: string, effect: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { life } = caller;
      this.after(RPC_TIMEOUT_MS, "", () => {
        if (caller.life === life) reject(new InjectedError(`${what} was not answered`));
      });
      this.call(caller, what, effect).then(resolve, reject);
    });
  }

  /** What was on its way when its caller died. */
  #orphaned(effect: () => unknown): void {
    this.late.orphans += 1;
    this.#dirty = true;
    Promise.resolve()
      .then(effect)
      .catch(() => undefined);
  }

  crash(process: SimProcess): void {
    if (process.restart === null) return;
    this.#note(`${process.name} dies`);
    process.life += 1;
    process.restart();
  }

  /** Runs until nothing is planned before `untilMs`. */
  async runUntil(untilMs: number): Promise<void> {
    // From here on each step begins in a microtask: `followUps` needs that.
    await Promise.resolve();
    for (let step = this.#time.next(untilMs); step !== null; step = this.#time.next(untilMs)) {
      void step();
      // Everything that follows from this step without a further call happens now.
      await followUps();
      if (this.#turnEnds.length > 0) for (const end of this.#turnEnds.splice(0)) end();
      if (this.#dirty) {
        this.#dirty = false;
        this.#check();
      }
    }
    this.#time.turn(untilMs - this.nowMs);
    // Others of this thread have their turn, too.
    await setImmediate();
  }

  #answer(caller: SimProcess, life: number, what: string, answer: () => void): void {
    this.after(this.#delay(), what, () => {
      if (caller.life === life) answer();
    });
  }

  #delay(): number {
    return Math.floor(this.random() ** 3 * this.trouble.delayMsMax);
  }

  #note(line: string): void {
    this.trace.push(`${this.nowMs} ${line}`);
    if (this.trace.length > TRACE_MAX) this.trace.shift();
  }
}
