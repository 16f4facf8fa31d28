import { DurableObject } from "cloudflare:workers";
import * as z from "zod";
import { idSchema } from "../../contracts/call-context.ts";
import {
  pushMessageSchema,
  TARGETS_PER_PUSH_MAX,
  type CometRpc,
  type PushMessage,
  type RoomMessage,
  type UserNews,
} from "../../contracts/realtime-rpc.ts";
import { CLOSE_CODES, keySchema, opSchema, roomIdSchema, roomPlaceSchema } from "../../contracts/realtime.ts";
import { failureFields, type Logger } from "../../platform/logger.ts";
import { validate } from "../../platform/validate.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { Comet as CometRules } from "../biz/comet.ts";
import { PING, PONG } from "../biz/packets.ts";
import type { CometSocket } from "../biz/ports.ts";
import { readSocketOrigin } from "../biz/socket-origin.ts";
import type { SocketState } from "../biz/socket-state.ts";
import { STANDARD_CLOSE_CODES } from "./standard-close-codes.ts";
import { userNewsSchema } from "./user-news-schema.ts";

/** The sockets of a comet as the object hands them to its rules. */
interface ObjectSockets {
  of(webSocket: WebSocket): CometSocket;
  accept(webSocket: WebSocket, state: SocketState): CometSocket;
}

/** What one object is made of. */
export interface WiredComet {
  readonly comet: CometRules;
  readonly sockets: ObjectSockets;
}

/** What is there also where a comet can't be wired. */
interface CometFrame {
  readonly logger: Logger;
  readonly now: Clock;
}

type WireComet<E> = (state: DurableObjectState, env: E, alarmAtMs: number | null) => WiredComet;

const usersSchema = z.array(idSchema).max(TARGETS_PER_PUSH_MAX);
const userSchema = idSchema.nullable();
const keysSchema = z.array(keySchema).max(TARGETS_PER_PUSH_MAX);
const { epoch: epochSchema, offset: offsetSchema } = roomPlaceSchema.shape;
/** More than a room sends at once. */
const ROOM_MESSAGES_MAX = 1_000;
const roomMessagesSchema = z
  .array(z.object({ op: opSchema, offset: offsetSchema, body: pushMessageSchema.shape.body }))
  .max(ROOM_MESSAGES_MAX);
/** After an alarm that failed, in ms. */
const ALARM_RETRY_MS = 12_000;

/** The Durable Object around one comet: what the platform calls, and nothing else. */
export function cometObject<E extends object>(wireComet: WireComet<E>, { logger, now }: CometFrame) {
  return class Comet extends DurableObject<E> implements CometRpc {
    #wired: WiredComet | null = null;

    constructor(state: DurableObjectState, env: E) {
      super(state, env);
      state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
      void state.blockConcurrencyWhile(async () => {
        this.#wired = wireComet(state, env, await state.storage.getAlarm());
      });
    }

    get #ready(): WiredComet {
      if (this.#wired === null) throw new Error("the comet was called before it was wired");
      return this.#wired;
    }

    /** Opens a socket, for a door of this worker. */
    override fetch(request: Request): Response {
      const origin = readSocketOrigin(request.headers);
      if (origin === null || request.headers.get("upgrade") !== "websocket")
        return new Response(null, { status: 400 });
      const { comet, sockets } = this.#ready;
      const { 0: client, 1: server } = new WebSocketPair();
      const state = comet.admit(origin);
      if (state !== null) comet.opened(sockets.accept(server, state));
      else {
        server.accept();
        server.close(CLOSE_CODES.tooMany, "the comet is full");
      }
      return new Response(null, { status: 101, webSocket: client });
    }

    override webSocketMessage(webSocket: WebSocket, message: ArrayBuffer | string): void {
      const { comet, sockets } = this.#ready;
      const data = typeof message === "string" ? message : new Uint8Array(message);
      comet.message(sockets.of(webSocket), data);
    }

    override webSocketClose(webSocket: WebSocket, code: number): void {
      // The client waits for an answer, which the platform leaves to us.
      if (code !== STANDARD_CLOSE_CODES.cut) webSocket.close(STANDARD_CLOSE_CODES.normal);
      this.#closed(webSocket);
    }

    override webSocketError(webSocket: WebSocket): void {
      this.#closed(webSocket);
    }

    #closed(webSocket: WebSocket): void {
      const { comet, sockets } = this.#ready;
      comet.closed(sockets.of(webSocket));
    }

    async changed(news: readonly UserNews[]): ReturnType<CometRpc["changed"]> {
      return { gone: this.#ready.comet.changed(validate(userNewsSchema, news, "news")) };
    }

    async pushUsers(userIds: readonly string[], message: PushMessage): ReturnType<CometRpc["pushUsers"]> {
      const users = validate(usersSchema, userIds, "userIds");
      return {
        delivered: this.#ready.comet.pushUsers(users, validate(pushMessageSchema, message, "message")),
      };
    }

    async pushKeys(
      userId: string | null,
      keys: readonly string[],
      message: PushMessage,
    ): ReturnType<CometRpc["pushKeys"]> {
      return {
        delivered: this.#ready.comet.pushKeys(
          validate(userSchema, userId, "userId"),
          validate(keysSchema, keys, "keys"),
          validate(pushMessageSchema, message, "message"),
        ),
      };
    }

    async pushAll(message: PushMessage): ReturnType<CometRpc["pushAll"]> {
      return { delivered: this.#ready.comet.pushAll(validate(pushMessageSchema, message, "message")) };
    }

    async pushRoom(
      room: string,
      epoch: string,
      messages: readonly RoomMessage[],
    ): ReturnType<CometRpc["pushRoom"]> {
      return {
        delivered: this.#ready.comet.pushRoom(
          validate(roomIdSchema, room, "room"),
          validate(epochSchema, epoch, "epoch"),
          validate(roomMessagesSchema, messages, "messages"),
        ),
      };
    }

    async online(): ReturnType<CometRpc["online"]> {
      return this.#ready.comet.online();
    }

    /** Never throws while an alarm can be set: the platform gives up on one that does. */
    override async alarm(): Promise<void> {
      try {
        await this.#ready.comet.onAlarm();
      } catch (error) {
        logger.error("comet not looked after", { ...failureFields(error) });
        await this.ctx.storage.setAlarm(now() + ALARM_RETRY_MS);
      }
    }
  };
}
