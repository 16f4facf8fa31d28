import * as z from "zod";
import { historyUserIdSchema } from "./record-schema.ts";
import type { UserState } from "./user-state.ts";

const positionSchema = z.object({ atMs: z.int(), rev: z.int() });

/**
 * What holds for a user as a whole, by its shape. What a number may be is the database's own check,
 * as it is with records.
 */
const userStateSchema = z.object({
  userId: historyUserIdSchema,
  paused: z.boolean(),
  pausedFromMs: z.int().nullable(),
  pausedUntilMs: z.int().nullable(),
  settingsRev: z.int(),
  cleared: positionSchema.nullable(),
  floor: positionSchema.nullable(),
  floorRev: z.int(),
  forgottenRev: z.int(),
}) satisfies z.ZodType<UserState>;

/** The states that a shard has answered, and how many of them are none: they stay with it. */
export interface CollectedStates {
  readonly states: readonly UserState[];
  readonly bad: number;
}

/**
 * Reads a shard's answer, each state by itself: the fault of one is no other's. Throws where it is
 * no list at all.
 */
export function readStates(answer: unknown): CollectedStates {
  if (!Array.isArray(answer)) throw new TypeError("a shard answered no list of states");
  const states: UserState[] = [];
  for (const item of answer as readonly unknown[]) {
    const read = userStateSchema.safeParse(item);
    if (read.success) states.push(read.data);
  }
  return { states, bad: answer.length - states.length };
}
