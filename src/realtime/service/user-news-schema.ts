import * as z from "zod";
import { ID_LENGTH_MAX, idSchema } from "../../contracts/call-context.ts";
import { settingsSchema, storedItemKeySchema, type Change } from "../../contracts/history.ts";
import type { UserNews } from "../../contracts/realtime-rpc.ts";

/** More than a shard tells in one call. */
const NEWS_MAX = 10_000;
const CHANGES_MAX = 10_000;

const atSchema = z.int().min(0);
const placeSchema = z.string().max(ID_LENGTH_MAX);
const beforeSchema = z.object({ before: atSchema });

/** An entry goes to clients as it is: a later release of the history may tell more of it. */
const changeSchema = z.union([
  z.object({ entry: z.looseObject({ ...storedItemKeySchema.shape, watchedAt: atSchema }) }),
  z.object({ removed: z.object({ ...storedItemKeySchema.shape, at: atSchema }) }),
  z.object({ cleared: beforeSchema }),
  z.object({ trimmed: beforeSchema }),
  z.object({ settings: settingsSchema }),
]) as unknown as z.ZodType<Change>;

/** What a shard tells a comet. */
export const userNewsSchema: z.ZodType<readonly UserNews[]> = z
  .array(
    z.union([
      z.object({
        userId: idSchema,
        changes: z.array(changeSchema).max(CHANGES_MAX),
        cursor: placeSchema,
        except: z.string().max(ID_LENGTH_MAX).exactOptional(),
      }),
      z.object({ userId: idSchema, behind: placeSchema }),
      z.object({ userId: idSchema, erased: z.literal(true) }),
    ]),
  )
  .max(NEWS_MAX);
