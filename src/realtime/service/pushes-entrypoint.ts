import { WorkerEntrypoint } from "cloudflare:workers";
import * as z from "zod";
import { cellNameSchema, idSchema, type CallContext } from "../../contracts/call-context.ts";
import {
  pushMessageSchema,
  TARGETS_PER_PUSH_MAX,
  type PushMessage,
  type RealtimePushes,
} from "../../contracts/realtime-rpc.ts";
import { keySchema, roomIdSchema } from "../../contracts/realtime.ts";
import { rpcMethods, type RpcDeps } from "../../platform/call/rpc-methods.ts";
import { validate } from "../../platform/validate.ts";
import type { Pushes as PushRules } from "../biz/pushes.ts";

export interface PushesDeps extends RpcDeps {
  readonly pushes: PushRules;
  /** Throws where nobody could be found. */
  readonly checkHistory: () => Promise<void>;
}

const usersSchema = z.array(idSchema).min(1).max(TARGETS_PER_PUSH_MAX);
const ownerSchema = idSchema.optional();
const keysSchema = z.array(keySchema).min(1).max(TARGETS_PER_PUSH_MAX);
const cellSchema = cellNameSchema.optional();
const anyRoomSchema = roomIdSchema.optional();

/** What services and the ops BFF reach, which has checked the permission. */
export function pushesEntrypoint<E extends object>(wire: (env: E) => PushesDeps) {
  const run = rpcMethods(wire);
  return class Pushes extends WorkerEntrypoint<E> implements RealtimePushes {
    users(
      ctx: CallContext,
      userIds: readonly string[],
      message: PushMessage,
      cell?: string,
    ): ReturnType<RealtimePushes["users"]> {
      return run(this.env, ctx, ({ pushes }) =>
        pushes.users(
          validate(usersSchema, userIds, "userIds"),
          validate(pushMessageSchema, message, "message"),
          validate(cellSchema, cell, "cell"),
        ),
      );
    }

    keys(
      ctx: CallContext,
      keys: readonly string[],
      message: PushMessage,
      userId?: string,
    ): ReturnType<RealtimePushes["keys"]> {
      return run(this.env, ctx, ({ pushes }) =>
        pushes.keys(
          validate(keysSchema, keys, "keys"),
          validate(pushMessageSchema, message, "message"),
          validate(ownerSchema, userId, "userId"),
        ),
      );
    }

    room(ctx: CallContext, room: string, message: PushMessage): ReturnType<RealtimePushes["room"]> {
      return run(this.env, ctx, ({ pushes }) =>
        pushes.room(validate(roomIdSchema, room, "room"), validate(pushMessageSchema, message, "message")),
      );
    }

    all(ctx: CallContext, message: PushMessage): ReturnType<RealtimePushes["all"]> {
      return run(this.env, ctx, ({ pushes }) => pushes.all(validate(pushMessageSchema, message, "message")));
    }

    online(ctx: CallContext, room?: string): ReturnType<RealtimePushes["online"]> {
      return run(this.env, ctx, async ({ pushes }) => ({
        online: await pushes.online(validate(anyRoomSchema, room, "room")),
      }));
    }

    ready(ctx: CallContext): Promise<void> {
      return run(this.env, ctx, ({ checkHistory }) => checkHistory());
    }
  };
}
