import { DurableObject } from "cloudflare:workers";
import { Shard } from "../../../src/history/biz/shard.ts";
import { ShardListeners } from "../../../src/history/data/shard-listeners.ts";
import type { ShardSql } from "../../../src/history/data/shard-sql.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { EMPTY_DATABASE, formatStore, RULES } from "./shard-parts.ts";

interface Env {
  readonly SHARD: DurableObjectNamespace<LonelyShard>;
}

const USERS = 50;
const ITEMS = 100;

/**
 * The real shard over the real storage, whose databases take nothing: all that is reported stays
 * pending.
 */
export class LonelyShard extends DurableObject<Env> {
  readonly #shard: Shard;
  #round = 0;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const { storage } = state;
    const sql: ShardSql = {
      exec: (query, ...bindings) => storage.sql.exec(query, ...bindings),
      transaction: (work) => storage.transactionSync(work),
    };
    this.#shard = new Shard({
      shard: 0,
      databases: () => 1,
      databaseOf: () => 0,
      limits: {
        flushWindowMs: 300_000,
        commitGroup: 20,
        commitWaitMsMax: 0,
        pendingRecordsMax: 20_000,
        pendingBytesMax: 5_000_000,
        readMs: 300,
        viewBytesMax: 2_000_000,
        entriesPerUserMax: 1_000,
        headEntries: 101,
        liveRowsMax: 8_192,
        tombstonesKeptMs: 30 * 86_400_000,
        reportPaceMs: 10_000,
      },
      formats: formatStore(),
      rules: RULES,
      log: new SqliteShardLog(sql),
      listeners: new ShardListeners(sql),
      tellComet: async () => [],
      alarmAtMs: null,
      alarm: { set: () => undefined },
      queue: { send: async () => undefined },
      reader: EMPTY_DATABASE,
      now: Date.now,
      schedule: (delayMs, callback) => {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      },
      onBackgroundFailure: (what, error) => console.error(what, error),
    });
  }

  /** Reports each of 5,000 items again and again, a hundred reports a commit. */
  async fill(reports: number): Promise<void> {
    for (let done = 0; done < reports; done += ITEMS) {
      this.#round += 1;
      const items = Array.from({ length: ITEMS }, (_, item) => ({
        kind: "video",
        itemId: `movie-${item}`,
        positionMs: this.#round,
        event: "playing" as const,
      }));
      await this.#shard.report(
        `018f0000-0000-7000-8000-${String(this.#round % USERS).padStart(12, "0")}`,
        items,
      );
    }
  }

  async pending(): Promise<number> {
    return this.#shard.status().pending;
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/idle") return new Response("idle");
    const shard = env.SHARD.getByName("shard-0");
    const [, reports] = /^\/fill\/(\d+)$/.exec(pathname) ?? [];
    if (reports !== undefined) await shard.fill(Number(reports));
    return new Response(String(await shard.pending()));
  },
} satisfies ExportedHandler<Env>;
