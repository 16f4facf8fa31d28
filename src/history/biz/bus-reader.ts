/*
 * What always holds of a partition of the bus, whatever fails and whenever its reader dies:
 *
 * I48: A message is behind the place only when the job is done with it, or it is written down there
 *      as late, in the same write.
 * I49: A message that can't be done holds up no other: it is tried again by itself, so often, and
 *      then counted like a dead letter. Its keys are pending in their shard, which sends them
 *      again.
 */

import type { Clock } from "../../resilience/clock.ts";
import type {
  BusMessage,
  BusPartition,
  BusPlace,
  BusPlaceStore,
  BusRecord,
  HandOver,
  LateMessage,
} from "./ports.ts";

interface BusReaderDeps {
  /** What messages are told apart by, in logs and counts: `main-0`. */
  readonly name: string;
  readonly partition: BusPartition;
  readonly store: BusPlaceStore;
  readonly handOver: HandOver;
  readonly now: Clock;
  /** Hears of failures; the messages they belong to come again. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/** Messages that the job takes as one: as many as the queue hands it. */
const BATCH_MAX = 20;
/** Deliveries of a message before it is counted as dead: as many as of the queue. */
const ATTEMPTS_MAX = 6;
/** Messages that come again: with as many nothing new is read until some are done or dead. */
const LATE_MAX = 200;
/** How long one run goes on while there is more. */
const RUN_MS_MAX = 20_000;
/** After a batch that failed as a whole, in ms. */
const AGAIN_MS = 2_000;

/**
 * Reads one partition of the bus and hands the job what it finds, as the queue would: each message
 * is done, or comes again later and alone. Messages may come twice, and after each other's end; the
 * job knows that.
 */
export class BusReader {
  readonly #deps: BusReaderDeps;

  constructor(deps: BusReaderDeps) {
    this.#deps = deps;
  }

  /**
   * Hands over all there is, up to a bound. Answers when to run again, in ms; null where nothing is
   * left. Throws where the partition can't be read.
   */
  async run(): Promise<number | null> {
    const { now, partition } = this.#deps;
    const untilMs = now() + RUN_MS_MAX;
    let place = await this.#place();
    place = await this.#handLate(place, untilMs);
    let isFirst = true;
    while (place.late.length <= LATE_MAX - BATCH_MAX) {
      if (now() >= untilMs) return now();
      const { nextOffset } = place;
      let records: readonly BusRecord[];
      try {
        records = (await partition.fetch(nextOffset)).filter(({ offset }) => offset >= nextOffset);
      } catch (error) {
        const mended = await this.#mended(place);
        if (mended === null) throw error;
        place = mended;
        continue;
      }
      if (records.length === 0) {
        // What comes next may be behind the end of a partition that was made anew.
        const mended = isFirst ? await this.#mended(place) : null;
        if (mended === null) break;
        place = mended;
      }
      isFirst = false;
      for (
        let from = 0;
        from < records.length && place.late.length <= LATE_MAX - BATCH_MAX;
        from += BATCH_MAX
      ) {
        const batch = records.slice(from, from + BATCH_MAX);
        const late = await this.#hand(batch.map((record) => ({ record, attempts: 1 })));
        // I48
        place = this.#write({
          nextOffset: (batch.at(-1)?.offset ?? nextOffset) + 1,
          late: [...place.late, ...late],
        });
      }
    }
    return place.late.length === 0 ? null : Math.min(...place.late.map(({ dueAtMs }) => dueAtMs));
  }

  /** How many messages are not done yet, and how many of them come again. */
  async lag(): Promise<{ readonly lag: number; readonly late: number }> {
    const { partition, store } = this.#deps;
    const { first, next } = await partition.ends();
    const { nextOffset, late } = store.read() ?? { nextOffset: first, late: [] };
    return { lag: Math.max(0, next - Math.max(first, nextOffset)) + late.length, late: late.length };
  }

  /** Those that come again, as far as that is known without the bus. */
  get late(): number {
    return this.#deps.store.read()?.late.length ?? 0;
  }

  async #place(): Promise<BusPlace> {
    const { store, partition } = this.#deps;
    return store.read() ?? { nextOffset: (await partition.ends()).first, late: [] };
  }

  #write(place: BusPlace): BusPlace {
    this.#deps.store.write(place);
    return place;
  }

  /** The place anew, where it lies outside of the partition; null where it is right. */
  async #mended(place: BusPlace): Promise<BusPlace | null> {
    const { partition, onFailure, name } = this.#deps;
    const { first, next } = await partition.ends();
    if (place.nextOffset >= first && place.nextOffset <= next) return null;
    const what = `${name} has ${first} to ${next}, and was read up to ${place.nextOffset}`;
    onFailure("find the place in the bus", new RangeError(what));
    return this.#write({ nextOffset: first, late: [] });
  }

  /** Hands over again what is due, and counts what was tried often enough. */
  async #handLate(given: BusPlace, untilMs: number): Promise<BusPlace> {
    const { now } = this.#deps;
    let place = given;
    const nowMs = now();
    const due = place.late.filter(({ dueAtMs }) => dueAtMs <= nowMs).toSorted((a, b) => a.offset - b.offset);
    for (let from = 0; from < due.length && now() < untilMs; from += BATCH_MAX) {
      const batch = due.slice(from, from + BATCH_MAX);
      const found = await this.#found(batch);
      const tried = found.filter(({ attempts }) => attempts <= ATTEMPTS_MAX);
      // I49
      const dead = found.filter(({ attempts }) => attempts > ATTEMPTS_MAX);
      const again = [...(await this.#hand(tried)), ...(await this.#hand(dead, true))];
      // I48
      place = this.#write({
        ...place,
        late: [...place.late.filter((message) => !batch.includes(message)), ...again],
      });
    }
    return place;
  }

  /** The records of late messages. What the bus has no more comes again from its shard. */
  async #found(batch: readonly LateMessage[]) {
    const wanted = new Map(batch.map(({ offset, attempts }) => [offset, attempts]));
    const found: { readonly record: BusRecord; readonly attempts: number }[] = [];
    const { partition } = this.#deps;
    const { first, next } = await partition.ends();
    for (const offset of wanted.keys()) if (offset < first || offset >= next) wanted.delete(offset);
    for (;;) {
      const [offset] = wanted.keys();
      if (offset === undefined) return found;
      const records = await partition.fetch(offset);
      wanted.delete(offset);
      for (const record of records) {
        const attempts = record.offset === offset ? attemptsOf(batch, offset) : wanted.get(record.offset);
        if (attempts === undefined) continue;
        found.push({ record, attempts });
        wanted.delete(record.offset);
      }
    }
  }

  /** Hands messages over. Answers those that come again. Never throws. */
  async #hand(
    batch: readonly { readonly record: BusRecord; readonly attempts: number }[],
    isDead = false,
  ): Promise<readonly LateMessage[]> {
    if (batch.length === 0) return [];
    const { name, handOver, now, onFailure } = this.#deps;
    const delays = new Map<number, number>(batch.map(({ record }) => [record.offset, AGAIN_MS]));
    const messages = batch.map(({ record: { offset, value }, attempts }): BusMessage => {
      return {
        id: `${name}/${offset}`,
        body: parsed(value),
        attempts,
        ack: () => void delays.delete(offset),
        retry: ({ delaySeconds = 0 } = {}) => void delays.set(offset, delaySeconds * 1_000),
      };
    });
    try {
      await handOver(messages, isDead);
    } catch (error) {
      onFailure("hand messages of the bus over", error);
    }
    return batch.flatMap(({ record: { offset }, attempts }) => {
      const delayMs = delays.get(offset);
      return delayMs === undefined ? [] : [{ offset, attempts: attempts + 1, dueAtMs: now() + delayMs }];
    });
  }
}

function attemptsOf(batch: readonly LateMessage[], offset: number): number | undefined {
  return batch.find((message) => message.offset === offset)?.attempts;
}

/** What is no JSON is told as a text, which nobody takes for a message. */
function parsed(value: string | null): unknown {
  try {
    return JSON.parse(value ?? "null");
  } catch {
    return value;
  }
}
