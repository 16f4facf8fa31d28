import { BusPuller } from "../../../src/history/biz/bus-puller.ts";
import { BusReader } from "../../../src/history/biz/bus-reader.ts";
import { everyOne } from "../../../src/history/biz/every-one.ts";
import type {
  BusMessage,
  BusPartition,
  BusPlace,
  BusRecord,
  PullerAlarm,
} from "../../../src/history/biz/ports.ts";
import { pullerName } from "../../../src/history/biz/puller-name.ts";
import { pullerPlaceStore } from "../../../src/history/data/puller-place.ts";
import { CALL_TIMEOUT_MS } from "../../../src/platform/guard/call-timeouts.ts";
import { SimObject } from "../kernel/sim-object.ts";
import { BusWatch } from "./history-bus-watch.ts";
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
/** Of the worlds so many have messages in Kafka that are none, or can't be done, and how many. */
const POISONED = 0.5;
const POISON_MAX = 8;
/** What kills whoever takes it in hand. */
const KILLS = "kills";
const POISON: readonly (string | null)[] = [
  null,
  "",
  "{",
  "null",
  '{"type":"flush","shard":-1,"users":[]}',
  '{"type":"flush","shard":0,"users":[["u-ada",["video"]],7]}',
  // A shard that is none: it can never be done.
  '{"type":"flush","shard":99,"users":[["u-ada",["video/film-0"]]]}',
  '{"type":"refill","shard":99,"userId":"u-ada"}',
  JSON.stringify(KILLS),
];
/** When all has been well for so long, a message is read so soon after it was sent. */
const CALM_MS = 900_000;
const SOON_MS = 60_000;

/** A partition as the broker has it. */
class SimPartition {
  /** Another one whenever what was in it is gone. */
  generation = 0;
  first = 0;
  records: BusRecord[] = [];

  get next(): number {
    return this.first + this.records.length;
  }

  append(value: string | null): void {
    this.records.push({ offset: this.next, value });
  }

  /** It loses all it has, and begins anew or not. */
  lose(isAnew: boolean): void {
    this.first = isAnew ? 0 : this.next;
    this.records = [];
    this.generation += 1;
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
  readonly #watch: BusWatch;
  readonly #startedAtMs: number;
  #isDying = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(world: HistoryScene, cell: SimCell, number: number, isOn: () => boolean) {
    const { kernel } = world.options;
    const name = pullerName({ cell: cell.name, partition: number });
    this.#world = world;
    this.#isOn = isOn;
    this.#startedAtMs = kernel.nowMs;
    this.#watch = new BusWatch({ name, partition: this.partition, hold: world.hold });
    this.#job = new JobProcess(`job of ${name}`, (steps) => {
      for (const step of steps) world.counters.note(`consumer died while it ${step}`);
      this.#die(this.object.process);
    });
    this.object = new SimObject({
      kernel,
      name: `puller ${name}`,
      now: kernel.now,
      build: () => this.#build(name, number),
      onAlarm: (puller, isBroughtAgain) => this.#oneAtATime(() => puller.onAlarm(isBroughtAgain)),
      onCrash: () => {
        this.#running = Promise.resolve();
        this.#die(this.#job);
      },
      hasOutputGate: true,
      note: (event) => world.counters.note(event),
    });
  }

  async wake(): Promise<void> {
    await this.object.enter((puller) => puller.wake());
  }

  /** The platform has one alarm of an object heard at a time. */
  #oneAtATime(run: () => Promise<void>): Promise<void> {
    const turn = this.#running.then(run);
    this.#running = turn.catch(() => undefined);
    return turn;
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
    const { kernel, mutation } = this.#world.options;
    const { bus = {} } = mutation;
    // An instance that has died goes on with nothing: what it had asked may still be answered.
    const { life } = object.process;
    const isDead = (): boolean => object.process.life !== life;
    const handOver = this.#watch.handOver((messages, areDead) =>
      isDead() ? new Promise(() => undefined) : this.#handOver(messages, areDead),
    );
    const ask = <T>(what: string, effect: () => T): Promise<T> =>
      isDead() ? new Promise(() => undefined) : object.leave(what, CALL_TIMEOUT_MS.queue, effect);
    const busPartition: BusPartition = {
      fetch: (offset) => ask("read from Kafka", () => partition.fetch(offset)),
      ends: () => ask("ask for offsets", () => ({ first: partition.first, next: partition.next })),
      isGone: () => ask("ask for partitions", () => false),
    };
    const kept = pullerPlaceStore(storage.kv, () => new Promise((resolve) => storage.whenDurable(resolve)));
    const store = this.#watch.store(kept);
    const fenced = { ...store, write: (place: BusPlace) => (isDead() ? undefined : store.write(place)) };
    const alarm: PullerAlarm = {
      at: async () => storage.alarmAtMs,
      set: async (atMs) => storage.setAlarm(atMs),
    };
    const reader = new BusReader({
      name,
      partition: bus.partition?.(busPartition) ?? busPartition,
      store: bus.store?.(fenced) ?? fenced,
      handOver: bus.handOver?.(handOver) ?? handOver,
      now: kernel.now,
      onFailure: (what, error) => this.#failed(what, error),
    });
    return new BusPuller({
      partition: number,
      reader: this.#isOn() ? reader : null,
      alarm: bus.alarm?.(alarm) ?? alarm,
      now: kernel.now,
      onBackgroundFailure: () => undefined,
    });
  }

  async #handOver(messages: readonly BusMessage[], isDead: boolean): Promise<void> {
    const { counters } = this.#world;
    for (const { body, attempts } of messages) {
      if (attempts > 1) counters.note("message delivered again");
      if (body !== KILLS) continue;
      counters.note("puller killed by a message");
      this.#die(this.#job);
      this.#die(this.object.process);
      // Who has died goes on with nothing.
      return new Promise(() => undefined);
    }
    // What a batch may set aside is counted by its consumer.
    await jobConsumer(this.#world, this.#job)({ queue: isDead ? "bus-dead" : "bus", messages });
  }

  #failed(what: string, error: unknown): void {
    const { counters } = this.#world;
    if (what === "find the place in the bus") {
      counters.note("place in the bus found anew");
      this.#watch.foundAnew();
    }
    if (what !== "keep what comes again") return;
    const count = Number(/given up (\d+)/.exec(String(error))?.[1]);
    counters.note("message of Kafka given up", count);
    this.#watch.gaveUp(count);
  }

  /** Where all is well again, what was sent last is read soon. */
  expectSoon(): void {
    const { kernel, troubleMs, faults } = this.#world.options;
    const { partition } = this;
    if (kernel.nowMs < this.#startedAtMs + troubleMs + CALM_MS || faults.has("spending-cap")) return;
    const { next, generation } = partition;
    kernel.after(SOON_MS, "", () =>
      this.#world.hold(
        !this.#isOn() || partition.generation !== generation || this.#place.nextOffset >= next,
        `${this.object.process.name}: what was sent is read soon, since who reads it is woken`,
      ),
    );
  }

  /** Messages that are not done, seen from outside. */
  get lag(): number {
    const { nextOffset, late } = this.#place;
    return this.partition.next - nextOffset + late.length;
  }

  get #place(): BusPlace {
    const [row] = this.object.storage.inspect("SELECT value FROM _kv WHERE key = 'place'");
    return JSON.parse(String(row?.["value"] ?? '{"nextOffset":0,"late":[]}')) as BusPlace;
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

  /** Somebody else writes into the topic, or we did before. */
  planPoison(): void {
    const { kernel, troubleMs } = this.#world.options;
    if (!kernel.chance(POISONED)) return;
    for (let count = 1 + Math.floor(kernel.random() * POISON_MAX); count > 0; count -= 1)
      kernel.after(Math.floor(kernel.random() * troubleMs), "poison comes into Kafka", () => {
        const puller = kernel.pick(this.#all);
        this.#world.counters.note("poison in Kafka");
        puller.partition.append(kernel.pick(POISON));
        if (kernel.chance(0.5)) this.#wake(puller);
      });
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
    const { bus } = this.#world.options.mutation;
    if (this.#isKafka && bus?.hasSweep !== false) await everyOne(this.#all, (puller) => puller.wake());
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
      partition.lose(kernel.chance(0.5));
    }
    const value = JSON.stringify(body);
    partition.append(value);
    puller.expectSoon();
    counters.note("message sent to Kafka");
    this.#wake(puller);
    if (!kernel.chance(kernel.trouble.duplicates)) return;
    kernel.after(
      Math.floor(kernel.random() ** 2 * DUPLICATE_MS_MAX),
      "a message comes late into Kafka",
      () => {
        counters.note("message in Kafka twice");
        partition.append(value);
        this.#wake(puller);
      },
    );
  }

  #wake(puller: SimPuller): void {
    const { kernel, mutation } = this.#world.options;
    if (mutation.bus?.hasWakes === false) return;
    if (kernel.chance(kernel.trouble.failsBefore)) return this.#world.counters.note("puller not woken");
    kernel.after(Math.floor(kernel.random() * 50), "", () => {
      puller.wake().catch(() => this.#world.counters.note("puller not woken"));
    });
  }
}
