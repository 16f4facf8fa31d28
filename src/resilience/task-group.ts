export interface TaskGroupOptions {
  /** Tasks running at once; the others wait in order. Unlimited if absent. */
  readonly concurrencyMax?: number;
  /** Cancels the group from outside: a request's deadline, a process's signal. */
  readonly signal?: AbortSignal;
}

type Task = (signal: AbortSignal) => Promise<void>;

/**
 * Structured concurrency after Go's `errgroup`: children share one signal, the first failure
 * cancels the rest, and `wait()` returns only when every child has ended, with the first error. A
 * child cannot outlive its group.
 *
 * @example
 * const group = new TaskGroup({ concurrencyMax: 4 });
 * for (const shard of shards) group.go((signal) => flush(shard, signal));
 * await group.wait();
 */
export class TaskGroup {
  readonly #controller = new AbortController();
  readonly #concurrencyMax: number;
  readonly #waiting: Task[] = [];
  readonly #done = Promise.withResolvers<void>();
  #running = 0;
  #sealed = false;
  #waitedFor = false;
  #failure: { readonly error: unknown } | null = null;
  readonly #detach: () => void;

  constructor({ concurrencyMax = Number.POSITIVE_INFINITY, signal }: TaskGroupOptions = {}) {
    if (!(concurrencyMax >= 1))
      throw new RangeError(`concurrencyMax must be in [1, ∞), got ${concurrencyMax}`);
    this.#concurrencyMax = concurrencyMax;
    const cancel = (): void => this.cancel(signal?.reason);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
    this.#detach = () => signal?.removeEventListener("abort", cancel);
  }

  /** Fires on the first failure, on `cancel()` and on the outer signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Starts a child, at once or when a place is free. After a failure or a cancel it is not started
   * at all.
   */
  go(task: Task): void {
    if (this.#sealed) throw new Error("the group has ended: a task started now would outlive it");
    if (this.signal.aborted) return;
    if (this.#running < this.#concurrencyMax) this.#start(task);
    else this.#waiting.push(task);
  }

  /**
   * Asks every child to stop. The reason becomes the group's error if no child has failed before.
   */
  cancel(reason: unknown = new DOMException("the group was cancelled", "AbortError")): void {
    this.#failure ??= { error: reason };
    this.#waiting.length = 0;
    this.#controller.abort(reason);
  }

  /** Resolves when every child has ended; rejects then with the first error. */
  async wait(): Promise<void> {
    this.#waitedFor = true;
    if (this.#running === 0) this.#finish();
    await this.#done.promise;
    if (this.#failure !== null) throw this.#failure.error;
  }

  #start(task: Task): void {
    this.#running += 1;
    void this.#run(task);
  }

  async #run(task: Task): Promise<void> {
    try {
      await task(this.signal);
    } catch (error) {
      this.cancel(error);
    }
    this.#running -= 1;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#start(next);
    else if (this.#running === 0 && this.#waitedFor) this.#finish();
  }

  #finish(): void {
    this.#sealed = true;
    this.#detach();
    this.#done.resolve();
  }
}
