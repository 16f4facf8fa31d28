import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  AUTH_MS_MAX,
  CLOSE_CODES,
  MESSAGES_PER_SECOND_MAX,
  REALTIME_OPS,
  UNREAD_BYTES_MAX,
} from "../../src/contracts/realtime.ts";
import { GOIM_BODY_LENGTH_MAX, GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { DrivenSockets } from "../../testbed/sockets/driven-sockets.ts";
import { packetOf } from "../../testbed/sockets/goim-packets.ts";
import { GoimSocket, type Closed } from "../../testbed/sockets/goim-socket.ts";
import { NOTE_OP } from "../../testbed/sockets/push-note.ts";
import { SOCKET_DRIVER, withSocketDriver } from "../../testbed/sockets/socket-workers.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

/*
 * All of them are in one comet, so that whatever one client does there is felt by the others. A
 * bystander reports and beats all the while, and is told how long it has waited.
 */

const ROOM = "live://everybody";
const BEAT_MS = 100;
/** What a bystander waits for at most: a report waits for its batch and its commit. */
const WAITED_MS_MAX = 2_000;
const CUT_MS_MAX = 10_000;
/** Longer than a packet may take to arrive, and shorter than the comet's memory lasts. */
const HALF_A_PACKET_MS_MAX = 12_000;

let platform: E2ePlatform;
let driver: DrivenSockets;
const tokens: string[] = [];
const open: GoimSocket[] = [];

beforeAll(async () => {
  platform = await startE2ePlatform({ HISTORY_SHARDS: "1" }, { around: withSocketDriver });
  driver = new DrivenSockets(String(await platform.miniflare.unsafeGetDirectURL(SOCKET_DRIVER)));
  const api = new ApiClient(platform.url);
  for (const name of ["hostile", "bystander"]) tokens.push((await api.signUp(`${name}@example.com`)).token);
});

afterEach(() => {
  for (const socket of open.splice(0)) socket.cut();
});

afterAll(() => platform.stop());

async function connect(user: 0 | 1): Promise<GoimSocket> {
  const headers = { authorization: `Bearer ${tokens[user]}` };
  const socket = await GoimSocket.open(`${platform.url}/v1/realtime`, headers);
  open.push(socket);
  return socket;
}

async function signedIn(user: 0 | 1): Promise<GoimSocket> {
  const socket = await connect(user);
  await socket.ask(GOIM_OPS.auth, { room_id: ROOM, accepts: [NOTE_OP] });
  return socket;
}

/**
 * Somebody who goes on reporting. Answers, when it is stopped, the longest wait of theirs in ms.
 */
async function bystander(): Promise<{ readonly socket: GoimSocket; readonly stop: () => Promise<number> }> {
  const socket = await signedIn(1);
  const stopped = new AbortController();
  let longestMs = 0;
  const going = (async () => {
    for (let positionMs = 1; !stopped.signal.aborted; positionMs += 1) {
      const sentAtMs = performance.now();
      const report = { kind: "video", itemId: "film", positionMs };
      const { body } = await socket.ask(REALTIME_OPS.report, { reports: [report] });
      longestMs = Math.max(longestMs, performance.now() - sentAtMs);
      const answer = new TextDecoder().decode(body);
      if (answer !== "" && !answer.includes('"accepted":1')) throw new Error(`not taken: ${answer}`);
      await sleep(BEAT_MS);
    }
    return longestMs;
  })();
  return {
    socket,
    stop: () => {
      stopped.abort();
      return going;
    },
  };
}

async function expectCut(closed: Promise<Closed>, code: number, withinMs: number): Promise<void> {
  const cut = await Promise.race([closed, sleep(withinMs, null, { ref: false })]);
  expect(cut).toMatchObject({ code });
  expect(cut?.reason).not.toBe("");
}

describe("beside a client that", () => {
  it("floods, the others are answered as before, and it is cut with a reason", async () => {
    const { stop } = await bystander();
    const flooder = await signedIn(0);
    for (let message = 0; message < 50 * MESSAGES_PER_SECOND_MAX; message += 1)
      flooder.send(GOIM_OPS.sendMsg, "x".repeat(1_000));
    await expectCut(flooder.closed, CLOSE_CODES.flooding, CUT_MS_MAX);
    expect(await stop()).toBeLessThan(WAITED_MS_MAX);
  });

  it("never reads, they get every push, and it is cut when a megabyte waits for it", async () => {
    const { socket, stop } = await bystander();
    const stalled = await signedIn(0);
    let got = 0;
    socket.onPush = ({ op }) => void (op === NOTE_OP && (got += 1));
    stalled.stopReading();
    const text = "x".repeat(GOIM_BODY_LENGTH_MAX);
    const pushes = Math.ceil((1.2 * UNREAD_BYTES_MAX) / text.length);
    for (let push = 0; push < pushes; push += 1) await driver.push("room", [ROOM], NOTE_OP, text);
    await sleep(1_000);
    stalled.readOn();
    await expectCut(stalled.closed, CLOSE_CODES.stalled, CUT_MS_MAX);
    expect(got).toBe(pushes);
    expect(await stop()).toBeLessThan(WAITED_MS_MAX);
  });

  it("stalls within a packet, nobody waits for its rest, and it is cut with a reason", async () => {
    const { stop } = await bystander();
    const staller = await signedIn(0);
    staller.sendBytes(packetOf(GOIM_OPS.sendMsg, 1, "never to end").subarray(0, 20));
    await expectCut(staller.closed, CLOSE_CODES.malformed, HALF_A_PACKET_MS_MAX);
    expect(await stop()).toBeLessThan(WAITED_MS_MAX);
  });

  it("says nothing after the upgrade, it is cut when it should have signed in", async () => {
    const silent = await connect(0);
    const openedAtMs = performance.now();
    while (silent.isOpen && performance.now() - openedAtMs < 2 * AUTH_MS_MAX) await sleep(BEAT_MS);
    expect(silent.isOpen).toBe(false);
    // The local runtime ends the connection itself when the comet hibernates.
    await expectCut(silent.closed, CLOSE_CODES.authTimeout, 3 * CUT_MS_MAX);
  });
});
