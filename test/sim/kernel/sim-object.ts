import { InjectedError, SimProcess, type Kernel } from "./kernel.ts";
import { SimAlarm, type AlarmEvent } from "./sim-alarm.ts";
import { SimStorage } from "./sim-storage.ts";

/** Something that befell an object. */
export type ObjectEvent =
  | "object crashed before a commit"
  | "object crashed after a commit"
  | "object crashed while a call was out"
  | "object could not start"
  | "storage call threw"
  | AlarmEvent;

interface SimObjectOptions<T> {
  readonly kernel: Kernel;
  readonly name: string;
  /** The wall clock of the machine it runs on. */
  readonly now: () => number;
  /** What the platform does on the first call of a life: constructs the object over its storage. */
  readonly build: (object: SimObject<T>) => T;
  readonly onAlarm: (instance: T, isBroughtAgain: boolean) => Promise<void>;
  readonly onCrash: () => void;
  /** False only where the simulator must show that it would be missed. */
  readonly hasOutputGate: boolean;
  readonly note: (event: ObjectEvent) => void;
}

const FLUSH_MS_MAX = 12;

/**
 * A Durable Object: one instance over a storage that outlives it, behind an output gate. A turn is
 * what runs without waiting for something outside. Whatever leaves the object, a reply or a call,
 * waits until all that was written before it is durable, or dies with it.
 */
export class SimObject<T> {
  readonly process: SimProcess;
  readonly storage: SimStorage;
  readonly #options: SimObjectOptions<T>;
  readonly #callers = new Set<(error: Error) => void>();
  #instance: T | null = null;
  #callsOut = 0;
  #isFlushing = false;
  readonly #alarm: SimAlarm;

  constructor(options: SimObjectOptions<T>) {
    const { kernel, name, note } = options;
    this.#options = options;
    this.process = new SimProcess(name, () => this.#reset());
    this.storage = new SimStorage({
      kernel,
      onStaged: () => this.#flush(),
      onAlarm: (atMs) => this.#alarm.plan(atMs),
      onThrow: () => note("storage call threw"),
    });
    this.#alarm = new SimAlarm({
      ...options,
      storage: this.storage,
      ring: (isBroughtAgain) => this.#deliver((instance) => options.onAlarm(instance, isBroughtAgain)),
    });
  }

  /** The instance, if it is alive: to be looked at, not to be called. */
  get instance(): T | null {
    return this.#instance;
  }

  /** Whether the platform will wake it up by itself. */
  get willWake(): boolean {
    return this.storage.alarmAtMs !== null || this.#alarm.isUnderWay;
  }

  /**
   * Delivers a call. The answer leaves through the gate; if the object dies first, the caller hears
   * that.
   */
  enter<R>(run: (instance: T) => R | Promise<R>): Promise<R> {
    try {
      this.#options.kernel.cap.refuse("requests");
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#deliver(run);
  }

  #deliver<R>(run: (instance: T) => R | Promise<R>): Promise<R> {
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

  /** A timer of the instance, and how it is called off. */
  schedule(delayMs: number, callback: () => void): () => void {
    const { life } = this.process;
    return this.#options.kernel.timer(delayMs, "", () => {
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
}
