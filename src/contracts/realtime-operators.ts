import * as z from "zod";
import { userIdSchema } from "./identity.ts";
import { pushOpSchema } from "./realtime-rpc.ts";
import { REALTIME_OPS, roomIdSchema } from "./realtime.ts";

/** Users that an operator's push may name: more make a URL too long. */
const IDS_MAX = 100;
const OURS: ReadonlySet<number> = new Set(Object.values(REALTIME_OPS));

const operationSchema = z
  .string()
  .regex(/^\d{1,10}$/, "must be a whole number")
  .transform(Number)
  .pipe(pushOpSchema)
  .refine((op) => !OURS.has(op), "is an operation of the platform's own");

/** To all sockets that accept the operation. */
export const pushAllQuerySchema = z.object({ operation: operationSchema });
export const pushUsersQuerySchema = pushAllQuerySchema.extend({
  ids: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(userIdSchema).min(1).max(IDS_MAX)),
});
export const pushRoomQuerySchema = pushAllQuerySchema.extend({ id: roomIdSchema });
export const onlineQuerySchema = z.object({ room: roomIdSchema.optional() });
