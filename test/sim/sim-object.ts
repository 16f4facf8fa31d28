import { InjectedError, SimProcess, type Kernel } from "./kernel.ts";
import { SimStorage } from "./sim-storage.ts";

/** Something that befell an object. */
export type ObjectEvent =
  | "object crashed before a commit"
  | "object crashed after a commit"
  | "object crashed while a call was out"
  | "object could not start"
  | "storage call threw"
  | "alarm late"
  | "alarm lost"
  | "lost alarm set again"
  | "alarm went off twice"
  | "alarm was tried again"
  | "alarm abandoned";

interface SimObjectOptions<T> {
  readonly kernel: Kernel;
  readonly name: string;
  /** The wall clock of the machine it runs on. */
  readonly now: () => number;
  /** What the platform does on the first call of a life: constructs the object over its storage. */
  readonly build: (object: SimObject<T>) => T;
  readonly onAlarm: (instance: T) => Promise<void>;
  readonly onCrash: () => void;
  /** False only where the simulator must show that it would be missed. */
  readonly hasOutputGate: boolean;
  readonly note: (event: ObjectEvent) => void;
}

const FLUSH_MS_MAX = 12;
/** The platform tries an alarm again after 2 s, 4 s, … and gives it up after six failures. */
const ALARM_TRIES_MAX = 6;
const ALARM_RETRY_MS = 2_000;
const ALARM_TWICE_MS_MAX = 30_000;
const ALARM_LATE_MS_MAX = 120_000;

/**
 * A Durable Object: one instance over a storage that outlives it, behind an output gate. A turn is what runs without waiting for something
 * outside. Whatever leaves the object, a reply or a call, waits until all that was written before it is durable, or dies with it.
 */
export class SimObject<T> {
  readonly process: SimProcess;
  readonly storage: SimStorage;
  readonly #options: SimObjectOptions<T>;
  readonly #callers = new Set<(error: Error) => void>();
  #instance: T | null = null;
  #callsOut = 0;
  #isFlushing = false;
  /** Which setting of the alarm the platform has in mind; another number means that it was set again. */
  #alarm = 0;
  #alarmsUnderWay = 0;
  #isAlarmLost = false;

  constructor(options: SimObjectOptions<T>) {
    const { kernel, name, note } = options;
    this.#options = options;
    this.process = new SimProcess(name, () => this.#reset());
    this.storage = new SimStorage({
      kernel,
      onStaged: () => this.#flush(),
      onAlarm: (atMs) => this.#planAlarm(atMs),
      onThrow: () => note("storage call threw"),
    });
  }

  /** The instance, if it is alive: to be looked at, not to be called. */
  get instance(): T | null {
    return this.#instance;
  }

  /** Whether the platform will wake it up by itself. */
  get willWake(): boolean {
    return this.storage.alarmAtMs !== null || this.#alarmsUnderWay > 0;
  }

  /** Delivers a call. The answer leaves through the gate; if the object dies first, the caller hears that. */
  enter<R>(run: (instance: T) => R | Promise<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const { life } = this.process;
      this.#callers.add(reject);
      const leave = (answer: () => void): void => {
        if (this.process.life !== life) return;
        this.#gate(() => {
          this.#callers.delete(reject);
          answer();
        });
      };
      Promise.resolve()
        .then(() => run(this.#start()))
        .then(
          (value) => leave(() => resolve(value)),
          (error: unknown) => leave(() => reject(error)),
        );
    });
  }

  /** A call that the object makes; its answer begins a turn. */
  leave<R>(what: string, patienceMs: number, effect: () => R | Promise<R>): Promise<R> {
    const { life } = this.process;
    return new Promise<R>((resolve, reject) => {
      this.#gate(() => {
        if (this.process.life !== life) return;
        this.#callsOut += 1;
        this.#options.kernel
          .ask(this.process, what, patienceMs, effect)
          .finally(() => (this.#callsOut -= 1))
          .then(resolve, reject);
      });
    });
  }

  /** A timer of the instance. */
  schedule(delayMs: number, callback: () => void): void {
    const { life } = this.process;
    this.#options.kernel.after(delayMs, "", () => {
      if (this.process.life === life) callback();
    });
  }

  #gate(open: () => void): void {
    if (this.#options.hasOutputGate) this.storage.whenDurable(open);
    else open();
  }

  #start(): T {
    if (this.#instance !== null) return this.#instance;
    try {
      this.#instance = this.#options.build(this);
      return this.#instance;
    } catch (error) {
      this.#options.note("object could not start");
      this.#options.kernel.crash(this.process);
      throw error;
    }
  }

  /** Makes what is staged durable, a moment later, and again while something is. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const { kernel, note } = this.#options;
    const { life } = this.process;
    const commit = this.storage.beginFlush();
    kernel.after(Math.floor(kernel.random() ** 3 * FLUSH_MS_MAX), "", () => {
      if (this.process.life !== life) return;
      if (kernel.chance(kernel.trouble.crashes)) {
        note("object crashed before a commit");
        return kernel.crash(this.process);
      }
      if (kernel.chance(kernel.trouble.crashes)) {
        note("object crashed after a commit");
        // Durable, and whoever waits for it will never know.
        const waiting = [...this.#callers];
        this.#callers.clear();
        this.process.life += 1;
        commit();
        for (const reject of waiting) reject(new InjectedError(`${this.process.name} was reset`));
        return kernel.crash(this.process);
      }
      this.#isFlushing = false;
      commit();
      if (this.storage.isVolatile) this.#flush();
    });
  }

  #reset(): void {
    if (this.#callsOut > 0) this.#options.note("object crashed while a call was out");
    this.#callsOut = 0;
    this.#instance = null;
    this.#isFlushing = false;
    this.storage.crash();
    this.#options.onCrash();
    for (const reject of this.#callers) reject(new InjectedError(`${this.process.name} was reset`));
    this.#callers.clear();
  }

  #planAlarm(atMs: number | null): void {
    const { kernel, now, note, name } = this.#options;
    const number = (this.#alarm += 1);
    if (atMs === null) return;
    if (this.#isAlarmLost) note("lost alarm set again");
    this.#isAlarmLost = false;
    const isLate = kernel.chance(kernel.trouble.alarmsLost);
    if (isLate) note("alarm late");
    const lateMs = Math.floor(isLate ? kernel.random() * ALARM_LATE_MS_MAX : kernel.random() ** 3 * kernel.trouble.delayMsMax);
    kernel.after(Math.max(0, atMs - now()) + lateMs, `${name}: alarm`, () => {
      if (this.#alarm !== number) return;
      if (kernel.chance(kernel.trouble.alarmsLost)) {
        // As if it had been given up: in one half of the cases the platform still says that it is set.
        if (kernel.chance(0.5)) this.storage.alarmWentOff();
        this.#isAlarmLost = true;
        return note("alarm lost");
      }
      this.storage.alarmWentOff();
      void this.#ring(1);
      if (!kernel.chance(kernel.trouble.duplicates)) return;
      note("alarm went off twice");
      kernel.after(Math.floor(kernel.random() * ALARM_TWICE_MS_MAX), `${name}: alarm again`, () => void this.#ring(1));
    });
  }

  async #ring(tries: number): Promise<void> {
    const { kernel, onAlarm, note } = this.#options;
    this.#alarmsUnderWay += 1;
    try {
      await this.enter(onAlarm);
    } catch {
      if (tries >= ALARM_TRIES_MAX) return note("alarm abandoned");
      note("alarm was tried again");
      this.#alarmsUnderWay += 1;
      kernel.after(ALARM_RETRY_MS * 2 ** tries, "", () => {
        this.#alarmsUnderWay -= 1;
        void this.#ring(tries + 1);
      });
    } finally {
      this.#alarmsUnderWay -= 1;
    }
  }
}
