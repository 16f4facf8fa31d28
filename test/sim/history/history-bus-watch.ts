import type { BusMessage, BusPlace, BusPlaceStore, HandOver } from "../../../src/history/biz/ports.ts";

/** As much of a partition as is looked at. */
interface WatchedPartition {
  readonly first: number;
  readonly next: number;
  /** Another one whenever what was in it is gone. */
  readonly generation: number;
}

interface BusWatchDeps {
  readonly name: string;
  readonly partition: WatchedPartition;
  readonly hold: (holds: boolean, what: string) => void;
}

/**
 * Holds a puller to what it may forget: between it and the job it sees which messages are done,
 * between it and its storage which ones it has left behind.
 */
export class BusWatch {
  readonly #deps: BusWatchDeps;
  /** Offsets of messages that the job was done with. */
  readonly #done = new Set<number>();
  #generation = 0;
  #writtenIn = 0;
  #givenUp = 0;

  constructor(deps: BusWatchDeps) {
    this.#deps = deps;
  }

  /** Hears of so many messages that the puller has given up, and told. */
  gaveUp(count: number): void {
    this.#givenUp += count;
  }

  /** Hears that the place is none any more, and what comes again neither. */
  foundAnew(): void {
    this.#givenUp = Number.POSITIVE_INFINITY;
  }

  handOver(handOver: HandOver): HandOver {
    return (messages, isDead) =>
      handOver(
        messages.map((message) => this.#watched(message)),
        isDead,
      );
  }

  store(store: BusPlaceStore): BusPlaceStore {
    return {
      read: () => store.read(),
      sync: () => store.sync(),
      write: (place) => {
        const before = store.read();
        store.write(place);
        this.#check(before, place);
        this.#givenUp = 0;
      },
    };
  }

  #watched(message: BusMessage): BusMessage {
    const generation = this.#refreshed();
    return {
      ...message,
      ack: () => {
        if (this.#refreshed() === generation) this.#done.add(offsetOf(message));
        message.ack();
      },
      retry: (options) => message.retry(options),
    };
  }

  /** I48 */
  #check(before: BusPlace | null, { nextOffset, late }: BusPlace): void {
    const { name, partition, hold } = this.#deps;
    const wasAnother = this.#writtenIn !== this.#refreshed();
    this.#writtenIn = partition.generation;
    // What is gone needs nobody: it is sent again by its shard.
    if (wasAnother || nextOffset > partition.next) return;
    const kept = new Set(late.map(({ offset }) => offset));
    const left = [
      ...(before?.late ?? []).map(({ offset }) => offset),
      ...range(before?.nextOffset ?? partition.first, nextOffset),
    ]
      .filter((offset) => offset >= partition.first && offset < partition.next)
      .filter((offset) => !kept.has(offset) && !this.#done.has(offset));
    hold(
      left.length <= this.#givenUp,
      `${name}: a message is behind the place only when it is done, or comes again`,
    );
  }

  /** Which partition it is now. Forgets what was done of one that was there before. */
  #refreshed(): number {
    const { generation } = this.#deps.partition;
    if (this.#generation !== generation) this.#done.clear();
    this.#generation = generation;
    return generation;
  }
}

function offsetOf({ id }: BusMessage): number {
  return Number(id.slice(id.indexOf("/") + 1));
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
