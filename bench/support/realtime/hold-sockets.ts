import { setTimeout as sleep } from "node:timers/promises";
import type { ObjectCounts } from "../../../testbed/sockets/driven-sockets.ts";
import { NOTE_OP } from "../../../testbed/sockets/push-note.ts";
import type { DrivenClient } from "../../../testbed/workers/socket-driver.ts";
import { descriptorsMaxOf, memoryBytesOf, runtimes } from "../process-use.ts";
import { quantilesOf, type Quantiles } from "../../../testbed/sockets/quantiles.ts";
import { SocketCrowd, type Aim } from "../../../testbed/sockets/socket-crowd.ts";
import { COMETS, progress, signedInClients, SOCKETS, startWithComets } from "./socket-clients.ts";

const PUSHES = Number(process.env["BENCH_PUSHES"] ?? 10);
/** The runtime takes two for each socket over TCP; the rest is for its databases. */
const DESCRIPTORS_PER_SOCKET = 2;
const DESCRIPTORS_KEPT = 1_500;
/** A comet that falls silent has hibernated by then, and is made anew by its own alarm. */
const SILENCE_MS = 15_000;
const PUSH_EVERY_MS = 500;

const EVERYBODY: Aim = { kind: "room", args: ["live://everybody"] };
/** An op that every second client subscribes to. */
const EVERY_SECOND_OP = NOTE_OP + 1;

export interface Held {
  readonly tcp: number;
  readonly within: number;
  readonly comets: number;
  readonly tcpPerSecond: number;
  readonly withinPerSecond: number;
  readonly bytesPerSocket: number;
  readonly roomPush: Quantiles;
  readonly roomPushMissed: number;
  readonly afterSilence: AfterSilence;
  /** Sockets that anybody has closed who was not told to. */
  readonly lost: number;
}

export interface AfterSilence {
  /** Comets whose memory was made anew in the silence or at the push after it. */
  readonly madeAnew: number;
  readonly alarms: number;
  readonly roomPush: Quantiles;
  readonly roomPushMissed: number;
  /** Of a push to all with an op that half of the clients take: who got it, and who should have. */
  readonly subscribed: { readonly got: number; readonly expected: number };
  readonly online: number;
}

/** Opens as many sockets as asked for, over TCP as far as descriptors go, and pushes to them. */
export async function holdSockets(): Promise<Held> {
  const before = runtimes();
  const platform = await startWithComets();
  const pid = runtimes().find((running) => !before.includes(running)) ?? 0;
  try {
    const clients = await signedInClients(platform.url, (number) => ({
      room_id: "live://everybody",
      accepts: number % 2 === 1 ? [NOTE_OP, EVERY_SECOND_OP] : [NOTE_OP],
    }));
    const crowd = await SocketCrowd.of(platform);
    const overTcp = Math.min(
      SOCKETS,
      Math.floor((descriptorsMaxOf(pid) - DESCRIPTORS_KEPT) / DESCRIPTORS_PER_SOCKET),
    );
    const opened = await openAll(crowd, clients, overTcp, pid);
    progress("held", opened);
    await crowd.online("live://everybody", SOCKETS);
    const roomPush = await pushToAll(crowd, EVERYBODY, SOCKETS);
    progress("pushed", roomPush);
    const afterSilence = await pushAfterSilence(crowd);
    progress("after silence", afterSilence);
    const lost = crowd.closed;
    await crowd.driven.closeAll();
    return {
      tcp: overTcp,
      within: SOCKETS - overTcp,
      comets: COMETS,
      ...opened,
      roomPush: roomPush.waitedMs,
      roomPushMissed: roomPush.missed,
      afterSilence,
      lost,
    };
  } finally {
    await platform.stop();
  }
}

async function openAll(crowd: SocketCrowd, clients: readonly DrivenClient[], overTcp: number, pid: number) {
  // One of each, so that what the first ones cost is in no figure.
  const bytesBefore = memoryBytesOf(pid);
  const tcpAtMs = performance.now();
  await crowd.tcp.openAll(clients.slice(0, overTcp));
  const withinAtMs = performance.now();
  const bytesPerSocket = (memoryBytesOf(pid) - bytesBefore) / overTcp;
  await crowd.driven.open(clients.slice(overTcp));
  const doneAtMs = performance.now();
  return {
    bytesPerSocket,
    tcpPerSecond: (overTcp * 1_000) / (withinAtMs - tcpAtMs),
    withinPerSecond: ((clients.length - overTcp) * 1_000) / (doneAtMs - withinAtMs),
  };
}

/** One push after the other, each when all have got the one before. */
async function pushToAll(crowd: SocketCrowd, aim: Aim, receivers: number, count = PUSHES) {
  const all: number[] = [];
  for (let push = 0; push < count; push += 1) {
    all.push(...(await crowd.waitedFor([await crowd.push(aim)], receivers)));
    await sleep(PUSH_EVERY_MS);
  }
  return { waitedMs: quantilesOf(all), missed: receivers * count - all.length };
}

async function pushAfterSilence(crowd: SocketCrowd): Promise<AfterSilence> {
  const before = await crowd.counts();
  await sleep(SILENCE_MS);
  const roomPush = await pushToAll(crowd, EVERYBODY, SOCKETS, 1);
  const after = await crowd.counts();
  const since = (name: string): number => countOf(after, name) - countOf(before, name);
  const expected = Math.floor(SOCKETS / 2);
  const toSecond = await crowd.push({ kind: "all", args: [], op: EVERY_SECOND_OP });
  // Were one of the others to get it, too, it would come with the next push to all.
  await pushToAll(crowd, EVERYBODY, SOCKETS, 1);
  return {
    madeAnew: since("Comet.constructor"),
    alarms: since("Comet.alarm"),
    roomPush: roomPush.waitedMs,
    roomPushMissed: roomPush.missed,
    subscribed: { got: (await crowd.waitedFor([toSecond], expected)).length, expected },
    online: await crowd.online("live://everybody", SOCKETS),
  };
}

export function countOf(counts: ObjectCounts, name: string): number {
  return counts[name] ?? 0;
}
