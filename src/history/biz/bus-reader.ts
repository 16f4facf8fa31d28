/*
 * What always holds of a partition of the bus, whatever fails and whenever its reader dies:
 *
 * I48: A message is behind the place only when the job is done with it, or it is written down there
 *      as late, in the same write.
 * I49: A message that can't be done holds up no other, though it kills whoever tries it: it is
 *      tried again by itself, so often, and then counted like a dead letter. Where that can't be
 *      done either, or too many wait, it is given up, and told. Its keys are pending in their
 *      shard, which sends them again.
 */

import type { Clock } from "../../resilience/clock.ts";
import { AGAIN_MS, delivered } from "./bus-delivery.ts";
import { cameTo, isDead, isDue, keptOf, nextDueMs, type TriedMessage } from "./bus-late.ts";
import type { BusPartition, BusPlace, BusPlaceStore, BusRecord, HandOver, LateMessage } from "./ports.ts";

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
/** How long one run goes on while there is more, and with how many batches if no clock ends it. */
const RUN_MS_MAX = 20_000;
const RUN_BATCHES_MAX = 200;
/** After messages that could not be read again, in ms. */
const UNREAD_MS = 15_000;

/** An operator waits for the answer, or else for what is known without it, in ms. */
const LAG_MS_MAX = 1_000;

/** A run, and what it may still do. */
interface Run {
  readonly untilMs: number;
  /** The one before it died: what did that is among what comes next. */
  readonly isCareful: boolean;
  batchesLeft: number;
}

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
   * left, or nothing will be. Throws where the partition can't be read.
   *
   * @param isCareful - the run before it died in the middle: messages are tried one by one, each
   *   written down before, and new ones before those that come again
   */
  async run(isCareful = false): Promise<number | null> {
    const { now, onFailure } = this.#deps;
    try {
      return await this.#read({
        untilMs: now() + RUN_MS_MAX,
        isCareful,
        batchesLeft: RUN_BATCHES_MAX,
      });
    } catch (error) {
      if (!(await this.#isGone())) throw error;
      onFailure("read a partition that is gone", error);
      return null;
    }
  }

  /** How many messages are not done yet, and how many of them come again. */
  async lag(): Promise<{ readonly lag: number; readonly late: number }> {
    const { partition, store } = this.#deps;
    const ends = await partition.ends(LAG_MS_MAX);
    const place = store.read();
    // A place that is none any more is found anew at the beginning, and takes nothing along.
    if (place === null || isOutside(place, ends)) return { lag: ends.next - ends.first, late: 0 };
    const late = place.late.length;
    return { lag: ends.next - place.nextOffset + late, late };
  }

  /** Those that come again, as far as that is known without the bus. */
  get late(): number {
    return this.#deps.store.read()?.late.length ?? 0;
  }

  async #read(run: Run): Promise<number | null> {
    const { store, partition, now } = this.#deps;
    let place = store.read() ?? { nextOffset: (await partition.ends()).first, late: [] };
    for (let isFirst = true; this.#goesOn(run); isFirst = false) {
      const next = await this.#next(place, isFirst);
      place = next.place;
      const isLast = next.records.length === 0;
      // Behind the first look, which shows that the bus is there: else all would be tried in vain.
      // Behind all else where what kills may be among them.
      if (run.isCareful ? isLast : isFirst) place = await this.#handLate(place, run);
      if (isLast) return nextDueMs(place);
      for (const batch of batchesOf(next.records, run)) {
        if (!this.#goesOn(run)) return now();
        const nextOffset = (batch.at(-1)?.offset ?? place.nextOffset) + 1;
        const tried = batch.map((record) => ({ record, attempts: 1 }));
        place = await this.#settle({ ...place, nextOffset }, tried, run);
      }
    }
    return now();
  }

  #goesOn(run: Run): boolean {
    return run.batchesLeft > 0 && this.#deps.now() < run.untilMs;
  }

  /** What comes next, from a place that is found anew where it lies outside of the partition. */
  async #next(place: BusPlace, isFirst: boolean) {
    const { partition, onFailure, name } = this.#deps;
    const from = async ({ nextOffset }: BusPlace): Promise<readonly BusRecord[]> =>
      (await partition.fetch(nextOffset)).filter(({ offset }) => offset >= nextOffset);
    let records: readonly BusRecord[] = [];
    let failure: { readonly cause: unknown } | null = null;
    try {
      records = await from(place);
    } catch (cause) {
      failure = { cause };
    }
    if (failure === null && (records.length > 0 || !isFirst)) return { place, records };
    // What comes next may be behind the end of a partition that was made anew.
    const ends = await partition.ends();
    if (!isOutside(place, ends)) {
      if (failure !== null) throw failure.cause;
      return { place, records };
    }
    const what = `${name} has ${ends.first} to ${ends.next}, and was read up to ${place.nextOffset}`;
    onFailure("find the place in the bus", new RangeError(what));
    const found = this.#write({ nextOffset: ends.first, late: [] });
    return { place: found, records: await from(found) };
  }

  /** Hands over again what is due, those tried least often first. */
  async #handLate(given: BusPlace, run: Run): Promise<BusPlace> {
    const { now, onFailure } = this.#deps;
    let place = given;
    const nowMs = now();
    // What was tried often holds up none that was not.
    const due = place.late
      .filter((message) => isDue(message, nowMs))
      .toSorted((a, b) => a.attempts - b.attempts || a.offset - b.offset);
    for (const batch of batchesOf(due, run)) {
      if (!this.#goesOn(run)) break;
      const left = { ...place, late: place.late.filter((message) => !batch.includes(message)) };
      let found: readonly TriedMessage[];
      try {
        found = await this.#found(batch);
      } catch (error) {
        onFailure("read messages that come again", error);
        const again = batch.map(({ offset, attempts }) =>
          cameTo({ record: { offset, value: null }, attempts }, now(), UNREAD_MS),
        );
        place = this.#write({ ...left, late: [...left.late, ...again] });
        continue;
      }
      place = await this.#settle(left, found, run);
    }
    return place;
  }

  /** The records of late messages. What the bus has no more comes again from its shard. */
  async #found(batch: readonly LateMessage[]): Promise<readonly TriedMessage[]> {
    const wanted = new Map(batch.map(({ offset, attempts }) => [offset, attempts]));
    const found: TriedMessage[] = [];
    const { partition } = this.#deps;
    const { first, next } = await partition.ends();
    for (const offset of wanted.keys()) if (offset < first || offset >= next) wanted.delete(offset);
    for (;;) {
      const [offset] = wanted.keys();
      if (offset === undefined) return found;
      for (const record of await partition.fetch(offset)) {
        const attempts = wanted.get(record.offset);
        if (attempts === undefined) continue;
        found.push({ record, attempts });
        wanted.delete(record.offset);
      }
      wanted.delete(offset);
    }
  }

  /**
   * Hands a batch over, and writes the place down that it leads to, with what comes again of it.
   *
   * @param place - behind the batch, as if all of it were done
   */
  async #settle(place: BusPlace, batch: readonly TriedMessage[], run: Run): Promise<BusPlace> {
    const { store, now } = this.#deps;
    run.batchesLeft -= 1;
    if (run.isCareful) {
      // I49
      const again = batch.map((message) => cameTo(message, now(), AGAIN_MS));
      this.#write({ ...place, late: [...place.late, ...again] });
      await store.sync();
    }
    const dead = batch.filter(isDead);
    const tried = batch.filter((message) => !isDead(message));
    const again = [
      ...(await delivered(this.#deps, tried, false)),
      ...(await delivered(this.#deps, dead, true)),
    ];
    // I48
    return this.#write({ ...place, late: [...place.late, ...again] });
  }

  #write(place: BusPlace): BusPlace {
    const { store, name, onFailure } = this.#deps;
    const { late, givenUp } = keptOf(place.late);
    if (givenUp > 0)
      onFailure("keep what comes again", new RangeError(`${name} has given up ${givenUp} messages`));
    const written = { ...place, late };
    store.write(written);
    return written;
  }

  /** Whether the topic has this partition no more; false where nobody knows. */
  async #isGone(): Promise<boolean> {
    try {
      return await this.#deps.partition.isGone();
    } catch {
      // What the run failed with is told.
      return false;
    }
  }
}

function isOutside(
  { nextOffset }: BusPlace,
  { first, next }: { readonly first: number; readonly next: number },
): boolean {
  return nextOffset < first || nextOffset > next;
}

/** What is handed over at once: all that the job takes, or one after the other. */
function* batchesOf<T>(items: readonly T[], { isCareful }: Run): Generator<readonly T[]> {
  const batchMax = isCareful ? 1 : BATCH_MAX;
  for (let from = 0; from < items.length; from += batchMax) yield items.slice(from, from + batchMax);
}
