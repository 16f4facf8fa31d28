import { DurableObject } from "cloudflare:workers";
import * as z from "zod";
import {
  cometNameSchema,
  pushMessageSchema,
  type PushMessage,
  type RoomRpc,
} from "../../contracts/realtime-rpc.ts";
import { roomPlaceSchema, SOCKETS_PER_COMET_MAX, type RoomPlace } from "../../contracts/realtime.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { validate } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Room as RoomRules } from "../biz/room.ts";

/** What is there also where a room can't be wired. */
interface RoomFrame {
  readonly logger: Logger;
  readonly now: Clock;
}

const countSchema = z.int().min(0).max(SOCKETS_PER_COMET_MAX);
const sinceSchema = roomPlaceSchema.optional();
const versionSchema = z.number().optional();
/** After an alarm that failed, in ms. */
const ALARM_RETRY_MS = 60_000;

/**
 * The Durable Object around one room, which its name names. Messages leave it when they are
 * durable: the runtime's output gate sees to that.
 */
export function roomObject<E extends object>(
  wireRoom: (state: DurableObjectState, env: E) => RoomRules,
  { logger, now }: RoomFrame,
) {
  return class Room extends DurableObject<E> implements RoomRpc {
    readonly #room: RoomRules;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      this.#room = wireRoom(state, env);
    }

    async members(
      comet: string,
      count: number,
      since?: RoomPlace,
      version?: number,
    ): ReturnType<RoomRpc["members"]> {
      return this.#room.members(
        validate(cometNameSchema, comet, "comet"),
        validate(countSchema, count, "count"),
        validate(sinceSchema, since, "since"),
        validate(versionSchema, version, "version"),
      );
    }

    async push(message: PushMessage): ReturnType<RoomRpc["push"]> {
      return this.#room.push(validate(pushMessageSchema, message, "message"));
    }

    async online(): Promise<number> {
      return this.#room.online();
    }

    /** Never throws while an alarm can be set: the platform gives up on one that does. */
    override async alarm(): Promise<void> {
      try {
        await this.#room.onAlarm();
      } catch (error) {
        logger.error("room not looked after", { ...failureFields(error) });
        await this.ctx.storage.setAlarm(now() + ALARM_RETRY_MS);
      }
    }
  };
}
