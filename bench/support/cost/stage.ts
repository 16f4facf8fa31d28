import { VirtualTime } from "../../../testbed/virtual-time.ts";

const START_MS = 1_790_000_000_000;

/**
 * Virtual time in which real code runs that also does real work: cryptography has threads of its
 * own. Time goes on when everything that was to be done at an instant is done, that work included.
 */
export class Stage {
  readonly time: VirtualTime;
  #outside = 0;

  constructor(startMs = START_MS) {
    this.time = new VirtualTime(startMs);
  }

  /** Real work that time waits for. */
  outside<T>(work: Promise<T>): Promise<T> {
    this.#outside += 1;
    return work.finally(() => {
      this.#outside -= 1;
    });
  }

  /** Likewise where it ends by calling back. The answer is to be called then. */
  outsideUntilCalled(): () => void {
    this.#outside += 1;
    return () => {
      this.#outside -= 1;
    };
  }

  async runUntil(untilMs: number): Promise<void> {
    await this.#settled();
    for (let run = this.time.next(untilMs); run !== null; run = this.time.next(untilMs)) {
      void run();
      await this.#settled();
    }
    await this.time.runUntil(untilMs);
  }

  /** Lets time pass until `work` is done, whatever it waits for. */
  async until<T>(work: Promise<T>): Promise<T> {
    const progress = { isDone: false };
    const done = work.finally(() => {
      progress.isDone = true;
    });
    done.catch(() => undefined);
    await this.#settled();
    while (!progress.isDone) {
      const run = this.time.next();
      if (run === null) throw new Error("work waits for something that will never happen");
      void run();
      await this.#settled();
    }
    return done;
  }

  /** Promises have their turns before an immediate has its own. */
  async #settled(): Promise<void> {
    do {
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#outside > 0);
  }
}
