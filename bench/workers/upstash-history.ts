import { WorkerEntrypoint } from "cloudflare:workers";
import { Redis } from "@upstash/redis/cloudflare";
import type { CallContext } from "../../src/contracts/call-context.ts";
import type { HistoryPlayback, Report, ReportReceipt } from "../../src/contracts/history.ts";
import { requirePrincipal } from "../../src/platform/call/request-scope.ts";
import { itemName, type HistoryRecord, type RecordKey } from "../../src/history/biz/record.ts";
import { d1HistoryWriter } from "../../src/history/data/d1-history-writer.ts";
import { GatheredKeys, type UserItem } from "./gathered-keys.ts";
import { recordsOf } from "./records-of-reports.ts";

export * from "./unasked-entrypoints.ts";

interface UpstashEnv {
  readonly HISTORY_DB_0: D1Database;
  readonly FLUSH_QUEUE: Queue<readonly UserItem[]>;
  /** Absent: where a benchmark in virtual time answers. No var of the history's own. */
  readonly CANDIDATES_REDIS_URL?: string;
}

const gathered = new GatheredKeys();

function redisOf({ CANDIDATES_REDIS_URL: url = "https://upstash.example" }: UpstashEnv): Redis {
  const options = {
    automaticDeserialization: false,
    responseEncoding: false,
    enableTelemetry: false,
  } as const;
  return new Redis({ url, token: "a-token", ...options });
}

const hashOf = (userId: string): string => `history:${userId}`;

/**
 * The course's design as it would be bought: records into Redis before the answer, keys gathered in
 * the worker's memory and sent to a queue, whose job reads the records back and writes D1. With the
 * fewest commands: a hash and a sorted set a user, one command each however many records a call
 * has, and none that lets them expire.
 */
export class Playback
  extends WorkerEntrypoint<UpstashEnv>
  implements Pick<HistoryPlayback, "report" | "ready">
{
  async report(ctx: CallContext, reports: readonly Report[]): Promise<ReportReceipt> {
    const { userId } = requirePrincipal(ctx);
    const records = recordsOf(userId, reports);
    const newest = [...new Map(records.map((record) => [itemName(record), record])).values()];
    const scored = newest.map((record) => ({ score: record.atMs, member: itemName(record) }));
    const [first, ...rest] = scored;
    if (first === undefined) return { accepted: 0, ignored: 0 };
    await redisOf(this.env)
      .pipeline()
      .hset(hashOf(userId), Object.fromEntries(newest.map((record) => [itemName(record), record])))
      .zadd(`${hashOf(userId)}:order`, first, ...rest)
      .exec();
    this.ctx.waitUntil(gathered.add(newest.map(userItemOf), (keys) => this.env.FLUSH_QUEUE.send(keys)));
    return { accepted: records.length, ignored: 0 };
  }

  async ready(): Promise<void> {
    await this.env.HISTORY_DB_0.prepare("SELECT 1").run();
  }
}

function userItemOf(key: RecordKey): UserItem {
  return [key.userId, itemName(key)];
}

/** Reads what the keys of a batch name back from Redis, a command a user, and writes it to D1. */
async function writeBack(keys: readonly UserItem[], env: UpstashEnv): Promise<void> {
  const itemsOf = new Map<string, Set<string>>();
  for (const [userId, item] of keys) itemsOf.set(userId, (itemsOf.get(userId) ?? new Set()).add(item));
  const pipeline = redisOf(env).pipeline();
  for (const [userId, items] of itemsOf) pipeline.hmget(hashOf(userId), ...items);
  const answers = await pipeline.exec<(Readonly<Record<string, string | null>> | null)[]>();
  const records = answers
    .flatMap((answer) => Object.values(answer ?? {}))
    .flatMap((text) => (text === null ? [] : [JSON.parse(text) as HistoryRecord]));
  await d1HistoryWriter(env.HISTORY_DB_0, Date.now).upsert(records);
}

export default {
  fetch: () => new Response(null, { status: 404 }),
  async queue(batch: MessageBatch<readonly UserItem[]>, env: UpstashEnv): Promise<void> {
    await writeBack(
      batch.messages.flatMap(({ body }) => body),
      env,
    );
  },
};
