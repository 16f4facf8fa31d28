import { setTimeout as sleep } from "node:timers/promises";
import { quantilesOf, type Quantiles } from "../../../testbed/sockets/quantiles.ts";
import { GOIM_OPS } from "../../../src/protocol/goim-packet.ts";
import { NOTE_OP } from "../../../testbed/sockets/push-note.ts";
import { SocketCrowd } from "../../../testbed/sockets/socket-crowd.ts";
import { progress, signedInClients, SOCKETS, startWithComets } from "./socket-clients.ts";

/** Over TCP: each room that is awake takes three descriptors, too. */
const OVER_TCP = 1_000;
/** A room that is awake takes three descriptors for ten seconds. */
const ROOMS_PER_SECOND = Number(process.env["BENCH_ROOMS_PER_SECOND"] ?? 250);
const TICK_MS = 10;
/** Pushes under way at once: more would measure this process's connections. */
const AT_ONCE = 64;
/** What a push is made of, as the platform bills it: calls of objects. */
const CALLS = ["Room.push", "Room.members", "Room.online", "Room.alarm", "Comet.pushRoom"] as const;

export interface RoomsOfOne {
  readonly rooms: number;
  readonly tcp: number;
  readonly within: number;
  readonly perSecond: number;
  readonly waitedMs: Quantiles;
  readonly missed: number;
  /** Calls of objects a push, by method. */
  readonly callsPerPush: Readonly<Record<string, number>>;
}

/** Each socket goes into a room of its own, and each room gets a push. */
export async function pushToRoomsOfOne(): Promise<RoomsOfOne> {
  const platform = await startWithComets();
  try {
    const clients = await signedInClients(platform.url, () => ({ accepts: [NOTE_OP] }));
    const crowd = await SocketCrowd.of(platform);
    const tcp = Math.min(OVER_TCP, SOCKETS);
    await crowd.tcp.openAll(clients.slice(0, tcp));
    await crowd.driven.open(clients.slice(tcp));
    progress("held", { tcp, within: crowd.driven.count });
    await crowd.tcp.ask(GOIM_OPS.changeRoom, (number) => roomOf(number));
    await crowd.driven.ask(GOIM_OPS.changeRoom, (number) => roomOf(tcp + number), ROOMS_PER_SECOND);
    progress("in their rooms", { rooms: SOCKETS });
    const pushed = await pushToEach(crowd, SOCKETS);
    await crowd.driven.closeAll();
    return { tcp, within: SOCKETS - tcp, ...pushed };
  } finally {
    await platform.stop();
  }
}

async function pushToEach(crowd: SocketCrowd, rooms: number): Promise<Omit<RoomsOfOne, "tcp" | "within">> {
  const before = await crowd.counts();
  const startedAtMs = performance.now();
  const pushes = await atRate(rooms, (number) => crowd.push({ kind: "room", args: [roomOf(number)] }));
  const tookMs = performance.now() - startedAtMs;
  const waitedMs = await crowd.waitedFor(pushes, rooms);
  const after = await crowd.counts();
  return {
    rooms,
    perSecond: (rooms * 1_000) / tookMs,
    waitedMs: quantilesOf(waitedMs),
    missed: rooms - waitedMs.length,
    callsPerPush: Object.fromEntries(
      CALLS.map((name) => [name, ((after[name] ?? 0) - (before[name] ?? 0)) / rooms]),
    ),
  };
}

const roomOf = (number: number): string => `alone://${number}`;

/** Starts each at its time, or when one of those before has ended. */
async function atRate(count: number, start: (number: number) => Promise<number>): Promise<readonly number[]> {
  const startedAtMs = performance.now();
  const started: Promise<number>[] = [];
  let underWay = 0;
  while (started.length < count) {
    const due = Math.min(count, ((performance.now() - startedAtMs) / 1_000) * ROOMS_PER_SECOND);
    while (started.length < due && underWay < AT_ONCE) {
      underWay += 1;
      started.push(start(started.length).finally(() => (underWay -= 1)));
    }
    await sleep(TICK_MS);
  }
  return Promise.all(started);
}
