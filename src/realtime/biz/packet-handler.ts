import { OPS_PER_SOCKET_MAX, REALTIME_OPS, roomIdSchema, type SocketAuth } from "../../contracts/realtime.ts";
import { CodedError } from "../../contracts/errors.ts";
import { GOIM_OPS, type GoimPacket } from "../../protocol/goim-packet.ts";
import type { Clock } from "../../resilience/clock.ts";
import type { CatchUp } from "./catch-up.ts";
import type { CometIndex } from "./comet-index.ts";
import type { Connection } from "./connection.ts";
import { relayCommand } from "./device-command.ts";
import type { DeviceList } from "./device-list.ts";
import { readOps } from "./op-list.ts";
import { EMPTY_BODY, heartbeatReply, packet } from "./packets.ts";
import type { BackgroundFailure } from "./ports.ts";
import { principalOf } from "./principal-of.ts";
import { readText } from "./read-body.ts";
import type { ReportGather } from "./report-gather.ts";
import type { RoomMembers } from "./room-members.ts";
import { closeInvalid, signIn } from "./sign-in.ts";
import { takeReports } from "./socket-reports.ts";

export interface PacketHandlerDeps {
  readonly index: CometIndex;
  readonly devices: DeviceList;
  readonly catchUp: CatchUp;
  readonly rooms: RoomMembers;
  readonly gather: ReportGather;
  readonly now: Clock;
  readonly onBackgroundFailure: BackgroundFailure;
}

/** Does what the packets of a socket ask for, and answers each. Never throws. */
export class PacketHandler {
  readonly #deps: PacketHandlerDeps;

  constructor(deps: PacketHandlerDeps) {
    this.#deps = deps;
  }

  handle(connection: Connection, given: GoimPacket): void {
    try {
      if (connection.state.isSignedIn) this.#serve(connection, given);
      else if (given.op === GOIM_OPS.auth) this.#signIn(connection, given);
      else connection.close("malformed", "the first packet must be op 7");
    } catch (error) {
      if (error instanceof CodedError) return closeInvalid(connection, error);
      this.#deps.onBackgroundFailure("answer a packet", error);
      connection.close("restarting", "something has gone wrong here");
    }
  }

  #serve(connection: Connection, given: GoimPacket): void {
    const { op, seq, ver, body } = given;
    const reply = (replyOp: number, replyBody: Uint8Array) =>
      connection.send(packet(replyOp, seq, replyBody, ver));
    const isOwn = connection.state.door === "own";
    if (op === GOIM_OPS.heartbeat) this.#beat(connection, given);
    else if (op === GOIM_OPS.changeRoom) {
      const room = roomIn(body);
      reply(GOIM_OPS.changeRoomReply, body);
      this.#changeRoom(connection, room);
    } else if (op === GOIM_OPS.subscribe) {
      subscribe(connection, body);
      reply(GOIM_OPS.subscribeReply, body);
    } else if (op === GOIM_OPS.unsubscribe) {
      unsubscribe(connection, body);
      reply(GOIM_OPS.unsubscribeReply, body);
    } else if (op === REALTIME_OPS.report) this.#report(connection, given);
    else if (op === REALTIME_OPS.command && isOwn) relayCommand(connection, given, this.#deps.index);
    else reply(op, EMPTY_BODY);
  }

  #signIn(connection: Connection, given: GoimPacket): void {
    const { index, now, catchUp } = this.#deps;
    const auth = signIn(connection, given.body, index, now);
    if (auth === null) return;
    connection.waitUntil(null);
    const user = principalOf(connection.state);
    const greet = () => this.#greet(connection, given, auth);
    // Who is answered is told of everything from then on.
    if (connection.listens && user !== null) catchUp.start(user, [connection], auth.since, greet);
    else greet();
  }

  #greet(connection: Connection, { seq, ver }: GoimPacket, auth: SocketAuth): void {
    if (connection.isClosed) return;
    connection.send(packet(GOIM_OPS.authReply, seq, EMPTY_BODY, ver));
    const { room_id: room = "", room_since: since } = auth;
    if (room !== "") this.#changeRoom(connection, room, since);
    const { user } = connection.state;
    if (user !== null && connection.listens) this.#deps.devices.changed(user.userId, connection);
  }

  #beat(connection: Connection, given: GoimPacket): void {
    const { room } = connection.state;
    connection.save({ beatAtMs: this.#deps.now() });
    connection.send(heartbeatReply(given, room === null ? 0 : this.#deps.rooms.online(room)));
  }

  #changeRoom(connection: Connection, room: string | null, since?: SocketAuth["room_since"]): void {
    const { room: before } = connection.state;
    if (before === room || connection.isClosed) return;
    connection.takeRoomChange();
    if (connection.isClosed) return;
    connection.save({ room });
    if (before !== null) this.#deps.rooms.leave(connection, before);
    if (room !== null) this.#deps.rooms.enter(connection, room, since);
  }

  #report(connection: Connection, given: GoimPacket): void {
    const { gather, now, catchUp, onBackgroundFailure } = this.#deps;
    const onTaken = () => catchUp.reported(connection);
    const onFailure = (error: unknown) => onBackgroundFailure("take reports", error);
    void takeReports(connection, given, { gather, now, onTaken, onFailure });
  }
}

/** Empty: none. Throws `INVALID`. */
function roomIn(body: Uint8Array): string | null {
  const text = readText(body);
  if (text === "") return null;
  const { data, error } = roomIdSchema.safeParse(text);
  if (error === undefined) return data;
  throw new CodedError("INVALID", `room: ${error.issues[0]?.message ?? "is not valid"}`);
}

function subscribe(connection: Connection, body: Uint8Array): void {
  const accepts = [...new Set([...connection.state.accepts, ...readOps(body)])];
  if (accepts.length > OPS_PER_SOCKET_MAX)
    throw new CodedError("INVALID", `a socket takes at most ${OPS_PER_SOCKET_MAX} ops`);
  connection.save({ accepts });
}

function unsubscribe(connection: Connection, body: Uint8Array): void {
  const gone = new Set(readOps(body));
  connection.save({ accepts: connection.state.accepts.filter((op) => !gone.has(op)) });
}
