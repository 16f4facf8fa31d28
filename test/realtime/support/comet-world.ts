import type { ChangePage } from "../../../src/contracts/history.ts";
import type { RoomMessage, SocketReceipt } from "../../../src/contracts/realtime-rpc.ts";
import type { RoomPlace } from "../../../src/contracts/realtime.ts";
import { Comet } from "../../../src/realtime/biz/comet.ts";
import { packet } from "../../../src/realtime/biz/packets.ts";
import type { HistoryPort, RoomsPort } from "../../../src/realtime/biz/ports.ts";
import type { SocketOrigin } from "../../../src/realtime/biz/socket-origin.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { FakeSocket } from "./fake-socket.ts";

type Order = Parameters<HistoryPort["join"]>[1];
type RoomAnswer = Awaited<ReturnType<RoomsPort["members"]>>;

/** A history that answers what a test says. */
export class FakeHistory implements HistoryPort {
  readonly joins: ({ readonly userId: string } & Order)[] = [];
  readonly leaves: Parameters<HistoryPort["leave"]>[0][number][] = [];
  readonly reports: Parameters<HistoryPort["report"]>[0][] = [];
  onJoin: (userId: string, order: Order) => Promise<ChangePage | null> = async () => null;
  onLeave: () => Promise<void> = async () => undefined;
  onReport: (batch: Parameters<HistoryPort["report"]>[0]) => Promise<readonly SocketReceipt[]> = async (
    batch,
  ) => batch.map(({ reports }) => ({ receipt: { accepted: reports.length, ignored: 0 } }));

  join: HistoryPort["join"] = (user, order) => {
    this.joins.push({ userId: user.userId, ...order });
    return this.onJoin(user.userId, order);
  };

  leave: HistoryPort["leave"] = async (listeners) => {
    await this.onLeave();
    this.leaves.push(...listeners);
  };

  report: HistoryPort["report"] = (batch) => {
    this.reports.push(batch);
    return this.onReport(batch);
  };
}

export class FakeRooms implements RoomsPort {
  readonly calls: { readonly room: string; readonly count: number; readonly since?: RoomPlace }[] = [];
  onMembers: (room: string, count: number, since?: RoomPlace) => Promise<RoomAnswer> = async (_, count) => ({
    place: { epoch: "e", offset: 0 },
    online: count,
  });

  members: RoomsPort["members"] = (room, count, since) => {
    this.calls.push(since === undefined ? { room, count } : { room, count, since });
    return this.onMembers(room, count, since);
  };
}

export const userOf = (userId: string) => ({ userId, sessionId: `session of ${userId}`, roles: ["user"] });

/** A comet over sockets that outlive it, with a clock that is turned. */
export function cometWorld() {
  const time = new VirtualTime();
  const history = new FakeHistory();
  const rooms = new FakeRooms();
  const sockets: FakeSocket[] = [];
  const failures: string[] = [];
  const ended = new Set<string>();
  let alarmAtMs: number | null = null;
  let clockAheadMs = 0;
  let ids = 0;
  let life = 0;

  const start = (): Comet => {
    const own = (life += 1);
    return new Comet({
      sockets: { all: () => sockets.filter(({ closed }) => closed === null) },
      history,
      rooms,
      endedSessions: async (sessions) => sessions.filter((session) => ended.has(session)),
      alarm: {
        set: (atMs) => {
          alarmAtMs = atMs - clockAheadMs;
        },
      },
      alarmAtMs: alarmAtMs === null ? null : alarmAtMs + clockAheadMs,
      now: () => time.now() + clockAheadMs,
      random: () => 0.5,
      newId: () => `socket-${(ids += 1)}`,
      schedule: (delayMs, run) => time.after(delayMs, () => (own === life ? run() : undefined)),
      onBackgroundFailure: (what, error) => failures.push(`${what}: ${String(error)}`),
    });
  };
  let comet = start();

  /** Lets everything that is under way go on. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
  };

  const world = {
    time,
    history,
    rooms,
    failures,
    /** Sessions that have ended. */
    ended,
    settle,
    get comet() {
      return comet;
    },
    get alarmAtMs() {
      return alarmAtMs;
    },
    get open() {
      return sockets.filter(({ closed }) => closed === null);
    },
    /** The object's memory is gone; its sockets are still there. */
    hibernate(): void {
      comet = start();
    },
    /** Sets the clock, on which timers don't depend. */
    setClock(aheadMs: number): void {
      clockAheadMs = aheadMs;
    },
    /** The platform has given up on the alarm, or could not set it. */
    loseAlarm(): void {
      alarmAtMs = null;
    },
    /** The alarm goes off when it is due, and all that is planned happens in between. */
    async pass(ms: number): Promise<void> {
      const untilMs = time.now() + ms;
      const turn = async (atMs: number) => {
        for (let run = time.next(atMs); run !== null; run = time.next(atMs)) {
          await run();
          await settle();
        }
        time.turn(Math.max(0, atMs - time.now()));
      };
      while (alarmAtMs !== null && alarmAtMs <= untilMs) {
        const dueMs = alarmAtMs;
        await turn(dueMs);
        if (alarmAtMs !== dueMs) continue;
        alarmAtMs = null;
        await comet.onAlarm();
      }
      await turn(untilMs);
      await settle();
    },
    connect({ door = "own", isTcp = false, user = null }: Partial<SocketOrigin> = {}): FakeSocket {
      const state = comet.admit({ door, isTcp, user });
      if (state === null) throw new Error("the comet is full");
      const socket = new FakeSocket(state);
      sockets.push(socket);
      comet.opened(socket);
      return socket;
    },
    send(socket: FakeSocket, op: number, body: string | object = "", seq = 1): void {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      comet.message(socket, packet(op, seq, new TextEncoder().encode(text)));
    },
    /** A socket of ours that has been greeted, and what it was told until then. */
    async signIn(userId: string, auth: object = {}): Promise<FakeSocket> {
      const socket = world.connect({ user: userOf(userId) });
      world.send(socket, 7, auth);
      await settle();
      return socket;
    },
    /** One of goim's. */
    async guest(auth: object = {}, isTcp = false): Promise<FakeSocket> {
      const socket = world.connect({ door: "goim", isTcp });
      world.send(socket, 7, auth);
      await settle();
      return socket;
    },
    /** The client has gone. */
    hangUp(socket: FakeSocket): void {
      socket.closed ??= { code: 1006, detail: "" };
      comet.closed(socket);
    },
  };
  return world;
}

export type CometWorld = ReturnType<typeof cometWorld>;

export const messageOf = (offset: number, op = 1_000): RoomMessage => ({
  op,
  offset,
  body: new TextEncoder().encode(`m${offset}`),
});
