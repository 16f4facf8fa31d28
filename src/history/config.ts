import * as z from "zod";
import { guardVars } from "../platform/guard/guard-config.ts";
import { KAFKA_MISSING, kafkaAccess, kafkaVars } from "../platform/kafka/kafka-vars.ts";
import { LOG_LEVELS } from "../platform/logger.ts";
import { cellsVar, parsedVar, readConfig, wholeNumberVar } from "../platform/config.ts";
import { parseBucketRanges } from "./biz/buckets-of-before.ts";
import { parseRedisEndpoints, tokensOf, type RedisEndpoint } from "./biz/redis-endpoints.ts";
import { parseFinishedAt } from "./biz/watch-rules.ts";

/** Which database held which bucket in the release before: read once by what keeps it since. */
const bucketRangesVar = z.string().transform((text, ctx) => {
  try {
    return parseBucketRanges(text);
  } catch (error) {
    ctx.issues.push({ code: "custom", message: error instanceof Error ? error.message : "", input: text });
    return z.NEVER;
  }
});

/** What carries keys from shards to the job. */
const BUSES = ["queue", "kafka"] as const;

const schema = z
  .object({
    LOG_LEVEL: z.enum(LOG_LEVELS),
    FLUSH_WINDOW_MS: wholeNumberVar(100, 3_600_000),
    COMMIT_GROUP: wholeNumberVar(1, 1_000),
    COMMIT_WAIT_MS_MAX: wholeNumberVar(0, 400),
    FINISHED_AT: parsedVar(parseFinishedAt),
    STARTED_AT_MS: wholeNumberVar(1, 3_600_000),
    REPORT_PACE_MS: wholeNumberVar(1_000, 600_000),
    CELLS: cellsVar(),
    HISTORY_SHARDS: wholeNumberVar(1, 4_096),
    HISTORY_BUCKETS: z.optional(bucketRangesVar),
    HISTORY_BUS: z.enum(BUSES).default("queue"),
    ...kafkaVars,
    HOT_STORE: z.enum(["shard", "redis"]),
    UPSTASH_REDIS_REST_URL: parsedVar(parseRedisEndpoints),
    /** A secret, absent where there is no endpoint. */
    UPSTASH_REDIS_REST_TOKEN: z.string().default(""),
    ...guardVars,
  })
  .refine((config) => config.HISTORY_BUS !== "kafka" || kafkaAccess(config) !== null, {
    path: ["HISTORY_BUS"],
    message: KAFKA_MISSING,
  });

/** Vars of earlier releases, and what has taken their place. */
export const GONE_VARS = {
  COMMIT_SPACING_MS: "COMMIT_GROUP, COMMIT_WAIT_MS_MAX",
  HISTORY_BUCKETS: "the map that is stored with the shards since this release's first sweep",
} as const;

/** Entries kept of one user (api.md). */
export const ENTRIES_PER_USER_MAX = 1_000;
/**
 * How long the tombstone of a deleted item is kept, in ms (api.md). As many are kept of one user as
 * entries.
 */
export const TOMBSTONES_KEPT_MS = 30 * 86_400_000;

/** The history worker's vars, checked. */
export function readHistoryConfig(env: object) {
  const { UPSTASH_REDIS_REST_TOKEN: given, ...config } = readConfig(schema, env);
  const { UPSTASH_REDIS_REST_URL: endpoints, HOT_STORE } = config;
  if (HOT_STORE === "redis" && endpoints.length === 0)
    throw new Error("bad configuration: UPSTASH_REDIS_REST_URL: HOT_STORE=redis needs one");
  return Object.freeze({ ...config, UPSTASH_REDIS_REST_URL: withTokens(endpoints, given) });
}

function withTokens(endpoints: readonly RedisEndpoint[], given: string) {
  try {
    const tokens = tokensOf(endpoints, given);
    return endpoints.map((endpoint) => ({ ...endpoint, token: tokens.get(endpoint.name) ?? "" }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`bad configuration: UPSTASH_REDIS_REST_TOKEN: ${error.message}`, { cause: error });
  }
}

export type HistoryConfig = ReturnType<typeof readHistoryConfig>;
