import { EventHeap, type Planned } from "../../../testbed/event-heap.ts";

interface Event extends Planned {
  readonly run: () => void;
}

/**
 * Events in the order of their times, and of their planning where the times are equal: a heap
 * instead of a clock.
 */
export class VirtualTime {
  readonly #heap = new EventHeap<Event>();
  #planned = 0;
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): void {
    this.#heap.push({ atMs: this.#nowMs + delayMs, order: this.#planned++, run });
  }

  /** Runs until nothing is planned any more. */
  run(): void {
    for (let event = this.#heap.pop(); event !== null; event = this.#heap.pop()) {
      this.#nowMs = event.atMs;
      event.run();
    }
  }
}
