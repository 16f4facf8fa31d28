import type { PushMessage, RoomMessage, UserNews } from "../../contracts/realtime-rpc.ts";
import { AUTH_MS_MAX, SOCKETS_PER_COMET_MAX } from "../../contracts/realtime.ts";
import type { Clock } from "../../resilience/clock.ts";
import { CatchUp } from "./catch-up.ts";
import { CometIndex } from "./comet-index.ts";
import { Connection } from "./connection.ts";
import { DeviceList } from "./device-list.ts";
import { Envelope } from "./envelope.ts";
import { Listeners } from "./listeners.ts";
import { PacketHandler } from "./packet-handler.ts";
import { ASSEMBLY_MS_MAX } from "./packet-stream.ts";
import { packet } from "./packets.ts";
import type {
  BackgroundFailure,
  CometAlarm,
  CometSocket,
  CometSockets,
  EndedSessions,
  HistoryPort,
  RoomsPort,
  Schedule,
} from "./ports.ts";
import { ReportGather } from "./report-gather.ts";
import { RoomMembers } from "./room-members.ts";
import { closeUnsigned, SessionWatch } from "./session-watch.ts";
import type { SocketOrigin } from "./socket-origin.ts";
import type { SocketState } from "./socket-state.ts";
import { takeNews } from "./take-news.ts";
import { unlessRefused } from "./unless-refused.ts";

export interface CometDeps {
  readonly sockets: CometSockets;
  readonly history: HistoryPort;
  readonly rooms: RoomsPort;
  readonly endedSessions: EndedSessions;
  readonly alarm: CometAlarm;
  /** When the alarm is set to go off, null if it isn't. */
  readonly alarmAtMs: number | null;
  readonly now: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  readonly schedule: Schedule;
  readonly onBackgroundFailure: BackgroundFailure;
}

/**
 * Holds the sockets of the users of one history shard, or some of goim's guests'. What it must know
 * of a socket is attached to that; what it has in memory is built from there when it is needed, and
 * may be gone whenever nothing is under way.
 */
export class Comet {
  readonly #deps: CometDeps;
  readonly #index = new CometIndex();
  readonly #devices = new DeviceList(this.#index);
  readonly #listeners: Listeners;
  readonly #catchUp: CatchUp;
  readonly #rooms: RoomMembers;
  readonly #watch: SessionWatch;
  readonly #packets: PacketHandler;
  #isBuilt = false;

  constructor(given: CometDeps) {
    const deps = { ...given, onBackgroundFailure: unlessRefused(given.onBackgroundFailure) };
    this.#deps = deps;
    const index = this.#index;
    this.#listeners = new Listeners({ ...deps, index });
    this.#catchUp = new CatchUp({ ...deps, join: (user, since) => this.#listeners.join(user, since) });
    this.#rooms = new RoomMembers(deps);
    this.#watch = new SessionWatch({ ...deps, index }, deps.alarmAtMs);
    const gather = new ReportGather({
      report: (batch) => deps.history.report(batch),
      othersOf: (userId, socketId) => this.#listeners.othersOf(userId, socketId),
      schedule: deps.schedule,
    });
    this.#packets = new PacketHandler({
      ...deps,
      index,
      gather,
      devices: this.#devices,
      catchUp: this.#catchUp,
      rooms: this.#rooms,
    });
  }

  /** The state of a socket that comes in; null where there is no place for it. */
  admit({ door, isTcp, user }: SocketOrigin): SocketState | null {
    if (this.#sockets().size >= SOCKETS_PER_COMET_MAX) return null;
    const openedAtMs = this.#deps.now();
    const id = this.#deps.newId();
    const nothing = { room: null, accepts: [], device: null, toldReportMs: 0, toldRev: 0 };
    return {
      id,
      door,
      isTcp,
      user,
      openedAtMs,
      isSignedIn: false,
      key: id,
      beatAtMs: openedAtMs,
      ...nothing,
    };
  }

  /** A socket with such a state is open. */
  opened(socket: CometSocket): void {
    const connection = this.#sockets().find(socket.state?.id ?? "") ?? this.#enter(socket);
    if (connection === null) return;
    connection.waitUntil(this.#deps.schedule(AUTH_MS_MAX, () => closeUnsigned(connection)));
    this.#watch.begin(connection);
  }

  /** A message has come. Never throws: what is wrong with it closes its socket. */
  message(socket: CometSocket, data: Uint8Array | string): void {
    const connection = this.#touched().find(socket.state?.id ?? "");
    if (connection === undefined || connection.isClosed) return;
    if (typeof data === "string") {
      connection.close("malformed", "packets are binary");
      return;
    }
    for (const one of connection.take(data)) {
      if (connection.isClosed) return;
      this.#packets.handle(connection, one);
    }
    if (connection.state.isSignedIn) this.#awaitWhole(connection);
  }

  /** Parts of a packet are lost with the memory: a timer keeps that for as long as they have. */
  #awaitWhole(connection: Connection): void {
    const isWaitedFor = connection.isMidPacket && !connection.isClosed;
    connection.waitUntil(
      isWaitedFor ? this.#deps.schedule(ASSEMBLY_MS_MAX, () => connection.closeIfLate()) : null,
    );
  }

  /** A socket has gone, or is known to be lost. */
  closed(socket: CometSocket): void {
    const wasBuilt = this.#isBuilt;
    const { state } = socket;
    if (state === null) return;
    const connection = this.#touched().find(state.id);
    if (connection !== undefined) connection.end();
    // It went while the memory was away: it counts among those who were told of.
    else if (!wasBuilt) new Connection(socket, state, this.#deps.now, this.#onClosed).end();
  }

  /** News from shards. Answers the users who have no socket here that listens. */
  changed(news: readonly UserNews[]): readonly string[] {
    this.#touched();
    return news.flatMap((one) => (takeNews(one, this.#index, this.#catchUp) ? [] : [one.userId]));
  }

  /** Each push answers to how many sockets it has gone. */
  pushUsers(userIds: readonly string[], message: PushMessage): number {
    const index = this.#touched();
    return push(
      message,
      [...new Set(userIds)].flatMap((userId) => [...index.ofUser(userId)]),
    );
  }

  pushKeys(userId: string | null, keys: readonly string[], message: PushMessage): number {
    const index = this.#touched();
    return push(
      message,
      [...new Set(keys)].flatMap((key) => index.withKey(userId, key) ?? []),
    );
  }

  pushAll(message: PushMessage): number {
    return push(message, this.#touched().all());
  }

  pushRoom(room: string, epoch: string, messages: readonly RoomMessage[]): number {
    this.#touched();
    return this.#rooms.push(room, epoch, messages);
  }

  online(): { readonly sockets: number; readonly users: number } {
    const { size, users } = this.#touched();
    return { sockets: size, users };
  }

  async onAlarm(): Promise<void> {
    this.#sockets();
    await this.#watch.run();
  }

  /** The index, where something happens that wakes the comet, or keeps it awake. */
  #touched(): CometIndex {
    const index = this.#sockets();
    this.#watch.touch();
    return index;
  }

  /** The index; built from what is attached to the sockets where there is none. */
  #sockets(): CometIndex {
    if (this.#isBuilt) return this.#index;
    this.#isBuilt = true;
    for (const socket of this.#deps.sockets.all()) {
      const connection = this.#enter(socket);
      if (connection !== null && connection.state.room !== null)
        this.#rooms.restore(connection, connection.state.room);
    }
    return this.#index;
  }

  #enter(socket: CometSocket): Connection | null {
    const { state } = socket;
    if (state === null) {
      socket.close("restarting", "the socket is of another release");
      return null;
    }
    const connection = new Connection(socket, state, this.#deps.now, this.#onClosed);
    this.#index.add(connection);
    return connection;
  }

  readonly #onClosed = (connection: Connection): void => {
    const { room, user } = connection.state;
    const listened = connection.listens;
    this.#index.remove(connection);
    if (room !== null) this.#rooms.leave(connection, room);
    if (user === null || !listened) return;
    this.#listeners.left(user.userId);
    this.#devices.changed(user.userId);
  };
}

function push({ op, body }: PushMessage, connections: Iterable<Connection>): number {
  const envelope = new Envelope([packet(op, 0, body)]);
  let delivered = 0;
  for (const connection of connections) {
    if (!connection.takes(op)) continue;
    envelope.sendTo(connection);
    if (!connection.isClosed) delivered += 1;
  }
  return delivered;
}
