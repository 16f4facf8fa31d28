import type { Entry } from "../../../src/contracts/history.ts";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import type { QueueMessage } from "../../../src/history/biz/flush-message.ts";
import type { HistoryReader, ShardLog, TellComet, UnwrittenRow } from "../../../src/history/biz/ports.ts";
import { itemName } from "../../../src/history/biz/record.ts";
import { Shard } from "../../../src/history/biz/shard.ts";
import type { ShardLimits } from "../../../src/history/biz/shard-deps.ts";
import { ShardFacts } from "../../../src/history/data/shard-facts.ts";
import { ShardListeners } from "../../../src/history/data/shard-listeners.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { RULES } from "../../history/support/shard-parts.ts";
import { SimClock } from "../kernel/sim-clock.ts";
import { SimObject } from "../kernel/sim-object.ts";
import { RealtimeDatabase } from "./realtime-database.ts";
import type { RealtimeScene } from "./realtime-scene.ts";

interface RealtimeShardOptions {
  readonly scene: RealtimeScene;
  readonly name: string;
  readonly limits: ShardLimits;
  readonly tell: (comet: string, news: readonly UserNews[]) => Promise<readonly string[]>;
}

/** How long a shard waits for whom it asks, in ms. */
const PATIENCE_MS = 3_000;
const JOB_MS_MAX = 3_000;
const PAGE_MAX = 100;

/** The Durable Object of one shard: the real class over real SQL, and a D1 that is always well. */
export class RealtimeShard {
  readonly object: SimObject<Shard>;
  readonly database = new RealtimeDatabase();
  /** Every position that was ever durable; the latest time of each item, and of a user's clear. */
  readonly durable = { positions: new Set<number>(), latestMs: new Map<string, number>() };
  readonly #options: RealtimeShardOptions;
  readonly #clock: SimClock;

  constructor(options: RealtimeShardOptions) {
    const { scene, name } = options;
    this.#options = options;
    this.#clock = new SimClock(scene.kernel, scene.hardship, false);
    this.object = new SimObject({
      kernel: scene.kernel,
      name,
      now: this.#clock.now,
      build: () => this.#build(),
      onAlarm: (shard) => shard.onAlarm(),
      onCrash: () => {
        scene.counters.note("shard restarted");
        this.#clock.step(() => undefined);
      },
      hasOutputGate: scene.mutation.hasOutputGate ?? true,
      note: (event) => scene.counters.note(event),
    });
  }

  /** By the clock of the machine that it runs on. */
  now(): number {
    return this.#clock.now();
  }

  ask<T>(run: (shard: Shard) => T | Promise<T>): Promise<T> {
    return this.object.enter(run);
  }

  /** All of a user's list. */
  async list(userId: string): Promise<readonly Entry[]> {
    const items: Entry[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: PAGE_MAX, ...(cursor !== undefined && { cursor }) };
      const page = await this.ask((shard) => shard.list(userId, query));
      if (page.degraded === true) throw new Error("the list is degraded");
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  }

  #build(): Shard {
    const { scene, name, limits, tell } = this.#options;
    const { mutation } = scene;
    const { object } = this;
    const { storage } = object;
    const facts = new ShardFacts(storage.kv, name);
    const sql = {
      exec: (query: string, ...bindings: (string | number | ArrayBuffer | null)[]) =>
        storage.sql.exec(query, ...bindings),
      transaction: storage.transactionSync,
    };
    const log = new SqliteShardLog(sql);
    const listeners = new ShardListeners(sql);
    const tellComet: TellComet = (comet, news) =>
      object.leave("tell a comet", PATIENCE_MS, () => {
        this.#noteNews(news);
        return tell(comet, news);
      });
    const reader: HistoryReader = {
      newestOf: (userId, limit) =>
        object.leave("read D1", PATIENCE_MS, () => this.database.newestOf(userId, limit)),
      find: (userId, items) => object.leave("read D1", PATIENCE_MS, () => this.database.find(userId, items)),
    };
    return new Shard({
      shard: facts.shard,
      databases: () => 1,
      databaseOf: () => 0,
      limits,
      log: this.#watched(log),
      listeners: mutation.listeners?.(listeners) ?? listeners,
      tellComet: mutation.tell?.(tellComet) ?? tellComet,
      formats: facts,
      rules: RULES,
      alarmAtMs: storage.alarmAtMs,
      alarm: { set: (atMs) => storage.setAlarm(atMs) },
      queue: {
        send: (messages) => object.leave("send to the queue", PATIENCE_MS, () => this.#sent(messages)),
      },
      reader,
      now: this.#clock.now,
      schedule: (delayMs, callback) => object.schedule(delayMs, callback),
      onBackgroundFailure: () => undefined,
    });
  }

  #noteNews(news: readonly UserNews[]): void {
    const { counters } = this.#options.scene;
    for (const one of news)
      counters.note("behind" in one ? "news told that a user is behind" : "news of a comet's told");
  }

  async #sent(messages: readonly QueueMessage[]): Promise<void> {
    const { kernel, counters } = this.#options.scene;
    for (const message of messages)
      kernel.after(Math.floor(kernel.random() * JOB_MS_MAX), "", () => {
        this.database
          .work(message, (run) => this.ask(run))
          .then(
            (records) => counters.note("written back", records),
            // The queue would bring it again; so does the shard, when its lease is over.
            () => undefined,
          );
      });
  }

  #watched(log: SqliteShardLog): ShardLog {
    const { storage } = this.object;
    const append: ShardLog["append"] = (rows, lowWater, adopted) => {
      const bytes = log.append(rows, lowWater, adopted);
      storage.whenDurable(() => this.#noteDurable(rows));
      return bytes;
    };
    return new Proxy(log, {
      get: (target, name) => {
        if (name === "append") return append;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  #noteDurable(rows: readonly UnwrittenRow[]): void {
    const { latestMs, positions } = this.durable;
    const late = (name: string, atMs: number): void =>
      void latestMs.set(name, Math.max(latestMs.get(name) ?? 0, atMs));
    for (const record of rows.flatMap(({ records }) => records)) {
      if (!record.deleted) positions.add(record.positionMs);
      late(`${record.userId} ${itemName(record)}`, record.atMs);
    }
    for (const { userId, cleared, floor } of rows.flatMap(({ users }) => users)) {
      late(userId, cleared?.atMs ?? 0);
      late(userId, floor?.atMs ?? 0);
    }
  }
}
