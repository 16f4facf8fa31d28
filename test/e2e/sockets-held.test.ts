import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GOIM_OPS } from "../../src/protocol/goim-packet.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { NOTE_OP } from "../../testbed/sockets/push-note.ts";
import { quantilesOf } from "../../testbed/sockets/quantiles.ts";
import { SocketCrowd, type Aim } from "../../testbed/sockets/socket-crowd.ts";
import { withSocketDriver } from "../../testbed/sockets/socket-workers.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

/*
 * What `npm run bench -- realtime` does with ten thousand sockets, done with a few hundred: the
 * same clients, the same counts.
 */

const USERS = 30;
const OVER_TCP = 200;
const WITHIN = 100;
const SOCKETS = OVER_TCP + WITHIN;
const COMETS = 4;
const PUSH_MS_MAX = 1_000;
/** A comet that falls silent has hibernated by then, and is made anew by its own alarm. */
const SILENCE_MS = 15_000;
const ROOMS_PER_SECOND = 100;
const EVERYBODY: Aim = { kind: "room", args: ["live://everybody"] };
const EVERY_SECOND_OP = NOTE_OP + 1;

let platform: E2ePlatform;
let crowd: SocketCrowd;

beforeAll(async () => {
  platform = await startE2ePlatform({ HISTORY_SHARDS: String(COMETS) }, { around: withSocketDriver });
  const api = new ApiClient(platform.url);
  const tokens: string[] = [];
  for (let user = 0; user < USERS; user += 1)
    tokens.push((await api.signUp(`socket-${user}@example.com`)).token);
  const clients = Array.from({ length: SOCKETS }, (_, number) => ({
    headers: { authorization: `Bearer ${tokens[number % USERS]}` },
    auth: {
      device: { id: `device-${number}` },
      room_id: "live://everybody",
      accepts: number % 2 === 1 ? [NOTE_OP, EVERY_SECOND_OP] : [NOTE_OP],
    },
  }));
  crowd = await SocketCrowd.of(platform);
  await crowd.tcp.openAll(clients.slice(0, OVER_TCP));
  await crowd.driven.open(clients.slice(OVER_TCP));
});

afterAll(async () => {
  await crowd.tcp.closeAll();
  await crowd.driven.closeAll();
  await platform.stop();
});

/** Pushes, and answers how long each of those who got it has waited. */
async function pushed(aim: Aim, receivers: number): Promise<readonly number[]> {
  return crowd.waitedFor([await crowd.push(aim)], receivers);
}

describe("some hundred sockets in a few comets", () => {
  it("are all reached by a push to their room, soon", async () => {
    expect(await crowd.online("live://everybody", SOCKETS)).toBe(SOCKETS);
    const waitedMs = await pushed(EVERYBODY, SOCKETS);
    expect(waitedMs.length).toBe(SOCKETS);
    expect(quantilesOf(waitedMs).p99).toBeLessThan(PUSH_MS_MAX);
  });

  it("let their comets hibernate, and are pushed to as before when these wake", async () => {
    const before = await crowd.counts();
    await sleep(SILENCE_MS);
    const waitedMs = await pushed(EVERYBODY, SOCKETS);
    const after = await crowd.counts();
    const madeAnew = (after["Comet.constructor"] ?? 0) - (before["Comet.constructor"] ?? 0);
    expect(madeAnew).toBeGreaterThanOrEqual(COMETS);
    expect(waitedMs.length).toBe(SOCKETS);
    expect(quantilesOf(waitedMs).p99).toBeLessThan(PUSH_MS_MAX);
    // What each subscribes to is remembered, too; a push to all that follows shows that it is all.
    const toSome = await crowd.push({ kind: "all", args: [], op: EVERY_SECOND_OP });
    expect((await pushed({ kind: "all", args: [] }, SOCKETS)).length).toBe(SOCKETS);
    expect((await crowd.waitedFor([toSome], SOCKETS / 2)).length).toBe(SOCKETS / 2);
    expect(await crowd.online("live://everybody", SOCKETS)).toBe(SOCKETS);
    expect(crowd.closed).toBe(0);
  });

  it("are reached each in a room of its own by two calls of objects", async () => {
    const roomOf = (number: number): string => `alone://${number}`;
    await crowd.tcp.ask(GOIM_OPS.changeRoom, roomOf);
    await crowd.driven.ask(GOIM_OPS.changeRoom, (number) => roomOf(OVER_TCP + number), ROOMS_PER_SECOND);
    const before = await crowd.counts();
    const pushes: number[] = [];
    for (let number = 0; number < SOCKETS; number += 1)
      pushes.push(await crowd.push({ kind: "room", args: [roomOf(number)] }));
    const waitedMs = await crowd.waitedFor(pushes, SOCKETS);
    const after = await crowd.counts();
    expect(waitedMs.length).toBe(SOCKETS);
    expect(quantilesOf(waitedMs).p99).toBeLessThan(PUSH_MS_MAX);
    const calls = ["Room.push", "Room.members", "Room.online", "Comet.pushRoom"].map(
      (name) => (after[name] ?? 0) - (before[name] ?? 0),
    );
    expect(calls).toEqual([SOCKETS, 0, 0, SOCKETS]);
  });
});
