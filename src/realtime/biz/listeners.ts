import type { Principal } from "../../contracts/call-context.ts";
import type { ChangePage } from "../../contracts/history.ts";
import type { Listener } from "../../contracts/realtime-rpc.ts";
import { Bulkhead } from "../../resilience/overload/bulkhead.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { CometIndex } from "./comet-index.ts";
import type { BackgroundFailure, HistoryPort, Schedule } from "./ports.ts";

export interface ListenersDeps {
  readonly index: CometIndex;
  readonly history: HistoryPort;
  readonly now: Clock;
  readonly schedule: Schedule;
  readonly onBackgroundFailure: BackgroundFailure;
}

/** Joins under way at once: after a cut thousands come back together. */
const JOINS_MAX = 32;
const WAITING_MAX = 100_000;
/** How long those who leave are gathered, in ms: most who go in a moment are back in the next. */
export const LEAVE_WAIT_MS = 1_000;
export const LEAVES_PER_CALL_MAX = 500;
/** A history that can't be told is told once more, and learns it from our answers after that. */
const LEAVE_AGAIN_MS = 2_000;
const LEAVE_ATTEMPTS_MAX = 2;

/**
 * Tells the history who listens. What is said is what is so at that moment, and of one user there
 * is one call at a time: the last one has the last word.
 */
export class Listeners {
  readonly #deps: ListenersDeps;
  readonly #joins = new Bulkhead({ maxConcurrent: JOINS_MAX, queueMax: WAITING_MAX });
  /** Users of whom a socket has gone, and how often that could not be told. */
  readonly #left = new Map<string, number>();
  /** The last call about each user that is under way. */
  readonly #calls = new Map<string, Promise<void>>();
  #isWaiting = false;
  #version = 0;

  constructor(deps: ListenersDeps) {
    this.#deps = deps;
  }

  /** Says that the user listens; what has changed after `since`, where that is given. */
  join(user: Principal, since: string | undefined): Promise<ChangePage | null> {
    const { userId } = user;
    const before = this.#calls.get(userId);
    return this.#asCallOf([userId], async () => {
      await before;
      await this.#joins.enter();
      try {
        const sockets = this.#deps.index.listenersOf(userId).length;
        // Whoever has gone while waiting needs nothing any more.
        if (sockets === 0) return null;
        const order = { sockets, version: this.#nextVersion() };
        return await this.#deps.history.join(user, since === undefined ? order : { ...order, since });
      } finally {
        this.#joins.leave();
      }
    });
  }

  /** Whether the user listens with other sockets than this one, at this moment. */
  othersOf(userId: string, socketId: string): { readonly others: boolean; readonly version: number } {
    const others = this.#deps.index.listenersOf(userId).some(({ id }) => id !== socketId);
    return { others, version: this.#nextVersion() };
  }

  /** Makes a call; the next one about any of these users waits until it has ended. */
  async #asCallOf<T>(userIds: readonly string[], call: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const userId of userIds) this.#calls.set(userId, promise);
    try {
      return await call();
    } finally {
      for (const userId of userIds) if (this.#calls.get(userId) === promise) this.#calls.delete(userId);
      resolve();
    }
  }

  /** A socket that listened has gone. */
  left(userId: string): void {
    this.#left.set(userId, 0);
    this.#wait(LEAVE_WAIT_MS);
  }

  #wait(delayMs: number): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#deps.schedule(delayMs, () => void this.#tell());
  }

  async #tell(): Promise<void> {
    // A join that is under way may not know of it: it is told of after that.
    const some = [...this.#left].filter(([userId]) => !this.#calls.has(userId)).slice(0, LEAVES_PER_CALL_MAX);
    for (const [userId] of some) this.#left.delete(userId);
    let againMs = LEAVE_WAIT_MS;
    try {
      if (some.length > 0) await this.#leave(some.map(([userId]) => userId));
    } catch (error) {
      this.#deps.onBackgroundFailure("tell who has left", error);
      againMs = LEAVE_AGAIN_MS;
      // Who has left again meanwhile counts from the beginning.
      for (const [userId, failures] of some)
        if (failures + 1 < LEAVE_ATTEMPTS_MAX && !this.#left.has(userId))
          this.#left.set(userId, failures + 1);
    }
    this.#isWaiting = false;
    if (this.#left.size > 0) this.#wait(againMs);
  }

  #leave(userIds: readonly string[]): Promise<void> {
    return this.#asCallOf(userIds, () =>
      this.#deps.history.leave(userIds.map((userId) => this.#listener(userId))),
    );
  }

  #listener(userId: string): Listener {
    const sockets = this.#deps.index.listenersOf(userId).length;
    return { userId, sockets, version: this.#nextVersion() };
  }

  #nextVersion(): number {
    this.#version = Math.max(this.#version + 1, this.#deps.now());
    return this.#version;
  }
}
