import { setImmediate } from "node:timers/promises";
import { mulberry32 } from "./mulberry32.ts";

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
  /** How late things may be, in ms. */
  readonly delayMsMax: number;
}

export const NO_TROUBLE: Trouble = { failsBefore: 0, failsAfter: 0, crashes: 0, duplicates: 0, delayMsMax: 20 };

/** Something of ours that runs: when it dies, every task that was awaiting something is gone, and its memory with it. */
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

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly what: string;
  readonly run: () => void;
}

/** A call failed, on purpose. */
export class InjectedError extends Error {
  override readonly name = "InjectedError";
  readonly code = "UNAVAILABLE";
}

const TRACE_MAX = 40;
const RPC_TIMEOUT_MS = 10_000;

/**
 * A world in one thread whose time and luck come from a seed. Every call through {@link call} is a step: it may be late, fail before or
 * after its effect, or take its caller's process with it. After each step the world's `check` may look at everything.
 */
export class Kernel {
  readonly random: () => number;
  readonly trace: string[] = [];
  readonly #events: Event[] = [];
  readonly #check: () => void;
  trouble: Trouble = NO_TROUBLE;
  nowMs: number;
  steps = 0;
  #order = 0;
  #dirty = false;

  /** @param check looks at the whole world after each step that asked for something; throws where it is not as it must be */
  constructor(seed: number, startMs: number, check: () => void) {
    this.random = mulberry32(seed);
    this.nowMs = startMs;
    this.#check = check;
  }

  readonly now = (): number => this.nowMs;

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  after(delayMs: number, what: string, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + delayMs, order: (this.#order += 1), what, run });
  }

  /** Asks for something outside of `caller`. `effect` happens at one moment, or not at all. */
  call<T>(caller: SimProcess, what: string, effect: () => T | Promise<T>): Promise<T> {
    const { life } = caller;
    return new Promise<T>((resolve, reject) => {
      this.after(this.#delay(), `${caller.name}: ${what}`, () => {
        if (caller.life !== life) return;
        const { failsBefore, failsAfter, crashes } = this.trouble;
        if (caller.restart !== null && this.chance(crashes)) return this.crash(caller);
        if (this.chance(failsBefore)) return this.#answer(caller, life, `${what} fails`, () => reject(new InjectedError(`${what} failed`)));
        this.#dirty = true;
        const isLost = this.chance(failsAfter);
        const settle = (answer: () => void): void => this.#answer(caller, life, isLost ? `${what}: reply lost` : "", answer);
        const lost = (): void => settle(() => reject(new InjectedError(`the reply to ${what} got lost`)));
        Promise.resolve()
          .then(effect)
          .then(
            (value) => (isLost ? lost() : settle(() => resolve(value))),
            (error: unknown) => settle(() => reject(error)),
          );
        if (this.chance(crashes)) this.crash(caller);
      });
    });
  }

  /** A {@link call} at something that may die while it works: after a while its silence is a failure. */
  rpc<T>(caller: SimProcess, what: string, effect: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { life } = caller;
      this.after(RPC_TIMEOUT_MS, "", () => {
        if (caller.life === life) reject(new InjectedError(`${what} was not answered`));
      });
      this.call(caller, what, effect).then(resolve, reject);
    });
  }

  crash(process: SimProcess): void {
    if (process.restart === null) return;
    this.#note(`${process.name} dies`);
    process.life += 1;
    process.restart();
  }

  /** Runs until nothing is planned before `untilMs`. */
  async runUntil(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#takeNext(untilMs);
      if (next === null) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.steps += 1;
      if (next.what !== "") this.#note(next.what);
      next.run();
      // Everything that follows from this step without a further call happens now.
      await setImmediate();
      if (this.#dirty) {
        this.#dirty = false;
        this.#check();
      }
    }
    this.nowMs = untilMs;
  }

  #answer(caller: SimProcess, life: number, what: string, answer: () => void): void {
    this.after(this.#delay(), what, () => {
      if (caller.life === life) answer();
    });
  }

  #delay(): number {
    return Math.floor(this.random() ** 3 * this.trouble.delayMsMax);
  }

  #takeNext(untilMs: number): Event | null {
    let best = -1;
    for (const [index, { atMs, order }] of this.#events.entries()) {
      const known = this.#events[best];
      if (atMs <= untilMs && (known === undefined || atMs < known.atMs || (atMs === known.atMs && order < known.order))) best = index;
    }
    return best < 0 ? null : (this.#events.splice(best, 1)[0] ?? null);
  }

  #note(line: string): void {
    this.trace.push(`${this.nowMs} ${line}`);
    if (this.trace.length > TRACE_MAX) this.trace.shift();
  }
}

/** A D1 database on the other side of the network from `process`. */
export function remoteD1(kernel: Kernel, process: SimProcess, db: D1Database, rewrite: (query: string) => string): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement, query: string): D1PreparedStatement => {
    const what = `db ${query.trim().slice(0, 40).replaceAll(/\s+/g, " ")}`;
    const remote = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values), query),
      all: () => kernel.call(process, what, () => statement.all()),
      run: () => kernel.call(process, what, () => statement.run()),
      first: () => kernel.call(process, what, () => statement.first()),
    } as unknown as D1PreparedStatement;
    originals.set(remote, statement);
    return remote;
  };
  return {
    prepare: (query: string) => wrap(db.prepare(rewrite(query)), query),
    batch: (statements: D1PreparedStatement[]) =>
      kernel.call(process, "db batch", () => db.batch(statements.map((statement) => originals.get(statement) ?? statement))),
  } as unknown as D1Database;
}

interface QueueOptions {
  readonly kernel: Kernel;
  readonly name: string;
  /** Handles one message; throws to have it again. */
  readonly consume: (message: { readonly id: string; readonly body: unknown; readonly attempts: number }) => Promise<void>;
  readonly bury: (message: { readonly id: string; readonly body: unknown; readonly attempts: number }) => Promise<void>;
  readonly consumer: SimProcess;
  readonly retriesMax: number;
}

const VISIBILITY_MS = 30_000;
const RETRY_BASE_MS = 1_000;
const RETRY_MS_MAX = 300_000;
/** How late the second copy of a message may be. */
const DUPLICATE_MS_MAX = 120_000;

/** A queue that promises little: at least once, in no order, to several consumers at once, and to the dead-letter queue in the end. */
export class SimQueue {
  readonly #options: QueueOptions;
  #sent = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  send(bodies: readonly unknown[]): void {
    for (const body of bodies) {
      this.#sent += 1;
      const id = `${this.#options.name}-${this.#sent}`;
      this.#plan(id, structuredClone(body), 1, 0);
      if (this.#options.kernel.chance(this.#options.kernel.trouble.duplicates))
        this.#plan(id, structuredClone(body), 1, Math.floor(this.#options.kernel.random() ** 2 * DUPLICATE_MS_MAX));
    }
  }

  #plan(id: string, body: unknown, attempts: number, delayMs: number): void {
    const { kernel, name } = this.#options;
    kernel.after(delayMs + Math.floor(kernel.random() * 100), `${name} delivers ${id}, attempt ${attempts}`, () =>
      this.#deliver(id, body, attempts),
    );
  }

  #deliver(id: string, body: unknown, attempts: number): void {
    const { kernel, consume, bury, consumer, retriesMax } = this.#options;
    const isDead = attempts > retriesMax + 1;
    const { life } = consumer;
    let isDone = false;
    const again = (delayMs: number): void => {
      if (isDone) return;
      isDone = true;
      this.#plan(id, body, attempts + 1, delayMs);
    };
    // Whoever dies with a message in hand gives no sign; it comes again.
    kernel.after(VISIBILITY_MS, "", () => again(0));
    (isDead ? bury : consume)({ id, body, attempts }).then(
      () => {
        if (consumer.life === life) isDone = true;
      },
      () => {
        if (consumer.life === life) again(Math.min(RETRY_MS_MAX, RETRY_BASE_MS * 2 ** attempts));
      },
    );
  }
}
