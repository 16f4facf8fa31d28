import * as z from "zod";
import { guardVars } from "../platform/guard/guard-config.ts";
import { LOG_LEVELS } from "../platform/logger.ts";
import { readConfig, wholeNumberVar } from "../platform/config.ts";

const schema = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS),
  FLUSH_WINDOW_MS: wholeNumberVar(100, 3_600_000),
  COMMIT_GROUP: wholeNumberVar(1, 1_000),
  COMMIT_WAIT_MS_MAX: wholeNumberVar(0, 400),
  HISTORY_SHARDS: wholeNumberVar(1, 4_096),
  HISTORY_BUCKETS: z.string().min(1),
  ...guardVars,
});

/** Vars of earlier releases, and what is set instead. */
export const GONE_VARS = { COMMIT_SPACING_MS: "COMMIT_GROUP, COMMIT_WAIT_MS_MAX" } as const;

/** Entries kept of one user (api.md). */
export const ENTRIES_PER_USER_MAX = 1_000;

/** The history worker's vars, checked. */
export function readHistoryConfig(env: object) {
  return readConfig(schema, env);
}

export type HistoryConfig = ReturnType<typeof readHistoryConfig>;
