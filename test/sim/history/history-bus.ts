import { BusPuller } from "../../../src/history/biz/bus-puller.ts";
import { BusReader } from "../../../src/history/biz/bus-reader.ts";
import { everyOne } from "../../../src/history/biz/every-one.ts";
import type { BusRecord } from "../../../src/history/biz/ports.ts";
import { pullerName } from "../../../src/history/biz/puller-name.ts";
import { pullerPlaceStore } from "../../../src/history/data/puller-place.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { SimObject } from "../kernel/sim-object.ts";
import { cellNamed, CELLS, MAIN, type SimCell } from "./history-cells.ts";
import { jobConsumer, JobProcess } from "./history-job.ts";
import type { HistoryScene } from "./history-scene.ts";

/*
 * PLACE OF CONSTRUCTION: here a puller is built, as `wirePuller` does it, over a Kafka that
 * promises little: what is appended may be there twice and late, partitions lose what they have.
 */

const PARTITIONS: ReadonlyMap<SimCell, number> = new Map(CELLS.map((cell) => [cell, cell === MAIN ? 2 : 1]));
/** How late the second copy of a message may be. */
const DUPLICATE_MS_MAX = 120_000;
const SWITCHES_MAX = 3;
/** Of the worlds so many switch their bus while everything goes wrong. */
const SWITCHED = 0.5;
const FETCH_MAX = 30;

/** A partition as the broker has it. */
class SimPartition {
  first = 0;
  records: BusRecord[] = [];

  get next(): number {
    return this.first + this.records.length;
  }

  append(body: object): void {
    this.records.push({ offset: this.next, value: JSON.stringify(body) });
  }

  fetch(offset: number): readonly BusRecord[] {
    if (offset < this.first || offset > this.next) throw new Error("the offset is out of range");
    return this.records.slice(offset - this.first, offset - this.first + FETCH_MAX);
  }
}

/** The object that reads a partition, with the job in its isolate. */
class SimPuller {
  readonly partition = new SimPartition();
  readonly object: SimObject<BusPuller>;
  readonly #world: HistoryScene;
  readonly #job: JobProcess;
  readonly #isOn: () => boolean;
  #isDying = false;

  constructor(world: HistoryScene, cell: SimCell, number: number, isOn: () => boolean) {
    const { kernel } = world.options;
    const name = pullerName({ cell: cell.name, partition: number });
    this.#world = world;
    this.#isOn = isOn;
    this.#job = new JobProcess(`job of ${name}`, (steps) => {
      for (const step of steps) world.counters.note(`consumer died while it ${step}`);
      this.#die(this.object.process);
    });
    this.object = new SimObject({
      kernel,
      name: `puller ${name}`,
      now: kernel.now,
      build: () => this.#build(name, number),
      onAlarm: (puller, isBroughtAgain) => puller.onAlarm(isBroughtAgain),
      onCrash: () => this.#die(this.#job),
      hasOutputGate: true,
      note: (event) => world.counters.note(event),
    });
  }

  async wake(): Promise<void> {
    await this.object.enter((puller) => puller.wake());
  }

  /** What an isolate runs dies together. */
  #die(process: JobProcess | SimPuller["object"]["process"]): void {
    if (this.#isDying) return;
    this.#isDying = true;
    this.#world.counters.note("puller died");
    this.#world.options.kernel.crash(process);
    this.#isDying = false;
  }

  #build(name: string, number: number): BusPuller {
    const { object, partition } = this;
    const { storage } = object;
    const { kernel } = this.#world.options;
    const ask = <T>(what: string, effect: () => T): Promise<T> =>
      object.leave(what, CALL_TIMEOUT_MS.queue, effect);
    const reader = new BusReader({
      name,
      partition: {
        fetch: (offset) => ask("read from Kafka", () => partition.fetch(offset)),
        ends: () => ask("ask for offsets", () => ({ first: partition.first, next: partition.next })),
        isGone: () => ask("ask for partitions", () => false),
      },
      store: pullerPlaceStore(storage.kv, () => new Promise((resolve) => storage.whenDurable(resolve))),
      handOver: async (messages, isDead) => {
        for (const { attempts } of messages)
          if (attempts > 1) this.#world.counters.note("message delivered again");
        // What a batch may set aside is counted by its consumer.
        await jobConsumer(this.#world, this.#job)({ queue: isDead ? "bus-dead" : "bus", messages });
      },
      now: kernel.now,
      onFailure: (what) => {
        if (what === "find the place in the bus") this.#world.counters.note("place in the bus found anew");
      },
    });
    return new BusPuller({
      partition: number,
      reader: this.#isOn() ? reader : null,
      alarm: { at: async () => storage.alarmAtMs, set: (atMs) => storage.setAlarm(atMs) },
      now: kernel.now,
      onBackgroundFailure: () => undefined,
    });
  }

  /** Messages that are not done, seen from outside. */
  get lag(): number {
    const [row] = this.object.storage.inspect("SELECT value FROM _kv WHERE key = 'place'");
    const place = JSON.parse(String(row?.["value"] ?? '{"nextOffset":0,"late":[]}')) as {
      nextOffset: number;
      late: unknown[];
    };
    return this.partition.next - place.nextOffset + place.late.length;
  }
}

interface Queue {
  send(bodies: readonly object[]): void;
}

/** The bus of a world: Kafka, or the queue, as operators have it. */
export class HistoryBus implements Queue {
  readonly #world: HistoryScene;
  readonly #queue: Queue;
  readonly #pullers: ReadonlyMap<SimCell, readonly SimPuller[]>;
  #isKafka = true;

  constructor(world: HistoryScene, queue: Queue) {
    this.#world = world;
    this.#queue = queue;
    this.#pullers = new Map(
      CELLS.map((cell) => [
        cell,
        Array.from(
          { length: PARTITIONS.get(cell) ?? 1 },
          (_, partition) => new SimPuller(world, cell, partition, () => this.#isKafka),
        ),
      ]),
    );
  }

  /** Operators deploy the other bus and this one again, while everything goes wrong. */
  planSwitches(): void {
    const { kernel, troubleMs } = this.#world.options;
    if (!kernel.chance(SWITCHED)) return;
    for (let count = 1 + Math.floor(kernel.random() * SWITCHES_MAX); count > 0; count -= 1)
      kernel.after(Math.floor(kernel.random() * troubleMs), "the bus is switched", () => this.#switch());
  }

  #switch(): void {
    const { counters, options } = this.#world;
    this.#isKafka = !this.#isKafka;
    counters.note(this.#isKafka ? "bus switched to Kafka" : "bus switched to the queue");
    for (const { lag } of this.#all)
      if (!this.#isKafka && lag > 0) counters.note("message left in Kafka", lag);
    for (const { object } of this.#all) options.kernel.crash(object.process);
  }

  send(bodies: readonly object[]): void {
    if (!this.#isKafka) return this.#queue.send(bodies);
    for (const body of bodies) this.#produce(structuredClone(body) as { shard: number | string });
  }

  /** What the cron does beside waking shards. */
  async sweep(): Promise<void> {
    if (this.#isKafka) await everyOne(this.#all, (puller) => puller.wake());
  }

  /** What nobody has done; null where nobody is to. */
  get lag(): number | null {
    return this.#isKafka ? this.#all.reduce((sum, { lag }) => sum + lag, 0) : null;
  }

  get #all(): readonly SimPuller[] {
    return [...this.#pullers.values()].flat();
  }

  /** Under the shard's name: a number in `main`, a name elsewhere. */
  #produce(body: { readonly shard: number | string }): void {
    const { kernel, hardship } = this.#world.options;
    const { counters } = this.#world;
    const { shard } = body;
    const pullers = this.#pullers.get(cellNamed(typeof shard === "number" ? undefined : "us")) ?? [];
    const puller = pullers[typeof shard === "number" ? shard % pullers.length : 0];
    if (puller === undefined) throw new RangeError("there is no partition");
    const { partition } = puller;
    if (kernel.chance(hardship.drops)) {
      counters.note("message given up");
      partition.first = kernel.chance(0.5) ? partition.next : 0;
      partition.records = [];
    }
    partition.append(body);
    counters.note("message sent to Kafka");
    this.#wake(puller);
    if (!kernel.chance(kernel.trouble.duplicates)) return;
    kernel.after(
      Math.floor(kernel.random() ** 2 * DUPLICATE_MS_MAX),
      "a message comes late into Kafka",
      () => {
        counters.note("message in Kafka twice");
        partition.append(body);
        this.#wake(puller);
      },
    );
  }

  #wake(puller: SimPuller): void {
    const { kernel } = this.#world.options;
    if (kernel.chance(kernel.trouble.failsBefore)) return this.#world.counters.note("puller not woken");
    kernel.after(Math.floor(kernel.random() * 50), "", () => {
      puller.wake().catch(() => this.#world.counters.note("puller not woken"));
    });
  }
}
