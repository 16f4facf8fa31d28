import * as z from "zod/mini";
import { BREAKER_ENGINES, FAULT_TARGETS } from "./durable.ts";

/*
 * What the objects of `playhead-durable` take, as other workers' word for it. They stand apart from
 * the types, and are made with zod/mini: the objects are the smallest of all workers, and those
 * that ask them need no schema.
 */

/** Questions in one call: as many as a decision is made of at most. */
export const ASKS_MAX = 16;
const POLICY_LENGTH_MAX = 128;
const REPORTER_LENGTH_MAX = 128;
const WORKER_LENGTH_MAX = 64;
/** A report has the seconds of its window. */
const SECONDS_MAX = 10;
const WEIGHT_MAX = 10;
const KEPT_MS_MAX = 60_000;
const BOOT_ID_LENGTH_MAX = 64;
const LIMIT_MAX = 1_000_000;
const WINDOW_MS_MAX = 86_400_000;
const LATENCY_MS_MAX = 60_000;

const count = z.int().check(z.minimum(0));
const keptMs = z.optional(z.int().check(z.minimum(1), z.maximum(KEPT_MS_MAX)));
const text = (lengthMax: number) => z.string().check(z.minLength(1), z.maxLength(lengthMax));

export const policyAskSchema = z.object({
  policy: text(POLICY_LENGTH_MAX),
  limit: z.int().check(z.minimum(1), z.maximum(LIMIT_MAX)),
  windowMs: z.int().check(z.minimum(1), z.maximum(WINDOW_MS_MAX)),
  ask: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("take"), cost: count, count: z.optional(count) }),
    z.object({ kind: z.literal("lease"), want: count, returned: count, need: z.optional(count) }),
    z.object({ kind: z.literal("report"), count }),
    z.object({ kind: z.literal("give_back"), cost: count }),
  ]),
});

export const breakerReportSchema = z.object({
  reporter: text(REPORTER_LENGTH_MAX),
  ok: count,
  failed: count,
  probe: z.nullable(z.enum(["succeeded", "failed"])),
  version: count,
  recent: z.optional(
    z.array(z.object({ ok: count, failed: count })).check(z.minLength(1), z.maxLength(SECONDS_MAX)),
  ),
  weight: z.optional(z.number().check(z.minimum(1), z.maximum(WEIGHT_MAX))),
  keptMs,
  worker: z.optional(text(WORKER_LENGTH_MAX)),
});

export const callsSeenSchema = z.object({
  worker: text(WORKER_LENGTH_MAX),
  engine: z.enum(BREAKER_ENGINES),
  ok: count,
  failed: count,
  reporter: z.optional(text(REPORTER_LENGTH_MAX)),
  keptMs,
});

export const bootIdSchema = z.string().check(z.maxLength(BOOT_ID_LENGTH_MAX));
export const faultTargetSchema = z.enum(FAULT_TARGETS);
export const faultSchema = z.nullable(
  z.object({
    latencyMs: z.number().check(z.minimum(0), z.maximum(LATENCY_MS_MAX)),
    errorRate: z.number().check(z.minimum(0), z.maximum(1)),
    untilMs: z.nullable(count),
  }),
);
