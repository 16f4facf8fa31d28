/** Something that is to happen. */
export interface Planned {
  readonly atMs: number;
  /** Decides between two of the same time. */
  readonly order: number;
}

/**
 * Plans in the order of their times, and of their planning where the times are equal: a binary
 * heap.
 */
export class EventHeap<E extends Planned> {
  readonly #heap: E[] = [];

  push(event: E): void {
    let index = this.#heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || isEarlier(above, event)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = event;
  }

  /** The next one, which stays; null if there is none. */
  peek(): E | null {
    return this.#heap[0] ?? null;
  }

  pop(): E | null {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return null;
    if (this.#heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts `event` in at the root and lets it sink to where it belongs. */
  #sink(event: E): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const isRight = other !== undefined && isEarlier(other, one);
      const below = isRight ? other : one;
      if (isEarlier(event, below)) break;
      heap[index] = below;
      index = isRight ? left + 1 : left;
    }
    heap[index] = event;
  }
}

function isEarlier(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
