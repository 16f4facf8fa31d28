import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { ReportReceipt } from "../../../src/contracts/history.ts";
import type { SocketReceipt } from "../../../src/contracts/realtime-rpc.ts";
import {
  GATHER_MS,
  REPORTS_PER_GATHER,
  REPORTS_WAITING_MAX,
  REPORTS_WAITING_PER_USER_MAX,
} from "../../../src/realtime/biz/report-gather.ts";
import { cometWorld, userOf, type CometWorld } from "../support/comet-world.ts";
import type { FakeSocket } from "../support/fake-socket.ts";

const ENTRY = { kind: "video", itemId: "m1", positionMs: 9, event: "playing", watchedAt: 1, watched: false };
const reportsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ kind: "video", itemId: `m${index}`, positionMs: 1 }));
const acks = (socket: FakeSocket) =>
  socket
    .received()
    .filter(({ op }) => op === 2001)
    .map(({ seq, body }) => ({ seq, body: body === "" ? "" : JSON.parse(body) }));

function answering(world: CometWorld, receipt: SocketReceipt): void {
  world.history.onReport = async (batch) => batch.map(() => receipt);
}

describe("reports over a socket", () => {
  it("are acked with an empty body when they are durable and there is nothing to tell", async () => {
    const world = cometWorld();
    const gate = Promise.withResolvers<void>();
    world.history.onReport = async (batch) => {
      await gate.promise;
      return batch.map(({ reports }) => ({
        receipt: { accepted: reports.length, ignored: 0, waitedMs: 20 },
      }));
    };
    const socket = await world.signIn("a");
    world.send(socket, 2001, { reports: reportsOf(2) }, 7);
    await world.pass(GATHER_MS);
    expect(acks(socket)).toEqual([]);
    gate.resolve();
    await world.settle();
    expect(acks(socket)).toEqual([{ seq: 7, body: "" }]);
    const at = world.time.now() - GATHER_MS;
    expect(world.history.reports).toMatchObject([
      [{ userId: "a", socket: socket.id, others: false, reports: [{ itemId: "m0", at }, { itemId: "m1" }] }],
    ]);
  });

  it.each([
    [
      { accepted: 0, ignored: 1 },
      { accepted: 0, ignored: 1 },
    ],
    [
      { accepted: 1, ignored: 0, superseded: [ENTRY] },
      { accepted: 1, ignored: 0, superseded: [ENTRY] },
    ],
  ])("are answered as over HTTP where there is something to tell", async (receipt, told) => {
    const world = cometWorld();
    answering(world, { receipt: { ...(receipt as ReportReceipt), waitedMs: 9 } });
    const socket = await world.signIn("a");
    world.send(socket, 2001, { reports: reportsOf(1) });
    await world.pass(GATHER_MS);
    expect(acks(socket)).toEqual([{ seq: 1, body: { ...told, now: world.time.now() } }]);
  });

  it("name the bad ones among them, by their place, and hold up no good one", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    world.send(socket, 2001, { reports: [{ kind: "?" }, ...reportsOf(1)] });
    await world.pass(GATHER_MS);
    expect(acks(socket)).toMatchObject([{ body: { accepted: 1, ignored: 0, rejected: [{ index: 0 }] } }]);
  });

  it("tell the pace when it has changed, also of what was told before hibernation", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    const report = async (nextReportMs: number) => {
      answering(world, { receipt: { accepted: 1, ignored: 0, nextReportMs } });
      world.send(socket, 2001, { reports: reportsOf(1) });
      await world.pass(2_000);
      return acks(socket).map(({ body }) => body.nextReportMs ?? body);
    };
    expect(await report(10_000)).toEqual([10_000]);
    expect(await report(10_000)).toEqual([""]);
    world.hibernate();
    expect(await report(10_000)).toEqual([""]);
    expect(await report(20_000)).toEqual([20_000]);
  });

  it.each([
    ["{", "MALFORMED"],
    ['{"reports":[]}', "INVALID"],
    ['{"reports":[{"kind":"?"}]}', "INVALID"],
  ])("of which none can be read are answered with a problem: %s", async (body, code) => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    world.send(socket, 2001, body);
    await world.settle();
    expect(acks(socket)).toMatchObject([{ body: { code } }]);
    expect(world.history.reports).toEqual([]);
  });

  it("are refused of guests, and of whom no role lets", async () => {
    const world = cometWorld();
    const guest = await world.guest();
    const nobody = world.connect({ user: { ...userOf("a"), roles: [] } });
    world.send(nobody, 7, {});
    for (const socket of [guest, nobody]) world.send(socket, 2001, { reports: reportsOf(1) });
    await world.settle();
    expect(acks(guest)).toMatchObject([{ body: { code: "UNAUTHENTICATED", status: 401 } }]);
    expect(acks(nobody)).toMatchObject([{ body: { code: "FORBIDDEN" } }]);
  });

  it("are taken of a user at goim's door", async () => {
    const world = cometWorld();
    const socket = world.connect({ door: "goim", user: userOf("a") });
    const listener = await world.signIn("a");
    world.send(socket, 7, {});
    world.send(socket, 2001, { reports: reportsOf(1) });
    world.send(listener, 2001, { reports: reportsOf(1) });
    await world.pass(GATHER_MS);
    expect(acks(socket)).toEqual([{ seq: 1, body: "" }]);
    const sources = world.history.reports.flat();
    expect(sources.map(({ others }) => others)).toEqual([true, false]);
    // Later than the joins that it knows of.
    const joined = world.history.joins.map(({ version }) => version);
    expect(Math.min(...sources.map(({ version }) => version))).toBeGreaterThan(Math.max(...joined));
  });
});

describe("the gathering of reports", () => {
  it("makes one call of those of many users, after 250 ms", async () => {
    const world = cometWorld();
    const sockets = [await world.signIn("a"), await world.signIn("b"), await world.signIn("b")];
    for (const socket of sockets) world.send(socket, 2001, { reports: reportsOf(1) });
    await world.pass(GATHER_MS - 1);
    expect(world.history.reports).toEqual([]);
    await world.pass(1);
    expect(world.history.reports).toHaveLength(1);
    expect(world.history.reports[0]).toMatchObject([
      { userId: "a", others: false },
      { userId: "b", others: true },
      { userId: "b", others: true },
    ]);
  });

  it("makes it at once where it is full, and says of each what became of it", async () => {
    const world = cometWorld();
    world.history.onReport = async (batch) =>
      batch.map(({ userId }) =>
        userId === "u1"
          ? { failure: { code: "OVERLOADED", retryAfterMs: 1_500 } }
          : { receipt: { accepted: 10, ignored: 0 } },
      );
    const sockets: FakeSocket[] = [];
    for (let count = 0; count < REPORTS_PER_GATHER / 10; count += 1) {
      sockets.push(await world.signIn(`u${count}`));
      world.send(sockets[count] as FakeSocket, 2001, { reports: reportsOf(10) });
    }
    await world.settle();
    expect(world.history.reports).toHaveLength(1);
    expect(sockets.map((socket) => acks(socket)[0]?.body.code ?? "taken")).toEqual(
      sockets.map((_, index) => (index === 1 ? "OVERLOADED" : "taken")),
    );
  });

  it("has one call under way, and what comes meanwhile waits its time", async () => {
    const world = cometWorld();
    const gates: (() => void)[] = [];
    world.history.onReport = async (batch) => {
      await new Promise<void>((resolve) => void gates.push(resolve));
      return batch.map(() => ({ receipt: { accepted: 1, ignored: 0 } }));
    };
    const socket = await world.signIn("a");
    const report = () => world.send(socket, 2001, { reports: reportsOf(1) });
    report();
    await world.pass(GATHER_MS);
    report();
    await world.pass(10_000);
    expect(world.history.reports).toHaveLength(1);
    gates.shift()?.();
    await world.settle();
    // It has waited for long enough.
    expect(world.history.reports).toHaveLength(2);
    gates.shift()?.();
    await world.settle();
    report();
    await world.pass(GATHER_MS - 1);
    expect(world.history.reports).toHaveLength(2);
    await world.pass(1);
    expect(world.history.reports).toHaveLength(3);
  });

  it("holds so much while the shard is slow, and refuses the rest at once", async () => {
    const world = cometWorld();
    const gates: (() => void)[] = [];
    world.history.onReport = async (batch) => {
      await new Promise<void>((resolve) => void gates.push(resolve));
      return batch.map(({ reports }) => ({ receipt: { accepted: reports.length, ignored: 0 } }));
    };
    const sockets: FakeSocket[] = [];
    const perMessage = 20;
    // One call is under way and waits no more.
    const messages = (REPORTS_WAITING_MAX + REPORTS_PER_GATHER) / perMessage + 1;
    for (let count = 0; count < messages; count += 1) {
      const socket = await world.signIn(`u${count}`);
      sockets.push(socket);
      world.send(socket, 2001, { reports: reportsOf(perMessage) });
      await world.settle();
    }
    const refused = sockets.filter((socket) => acks(socket).length > 0);
    expect(refused).toEqual([sockets.at(-1)]);
    for (let turn = 0; turn < 50; turn += 1) {
      gates.shift()?.();
      await world.settle();
    }
    const rest = sockets.slice(0, -1).map((socket) => acks(socket));
    expect(rest.every((list) => list.length === 1 && list[0]?.body === "")).toBe(true);
    expect(world.history.reports.every((batch) => batch.length <= REPORTS_PER_GATHER / perMessage)).toBe(
      true,
    );
  });

  it("has places for others however much one user sends", async () => {
    const world = cometWorld();
    world.history.onReport = () => new Promise(() => undefined);
    const perMessage = 50;
    const greedy: FakeSocket[] = [];
    for (let count = 0; count < 10; count += 1) {
      const socket = await world.signIn("greedy");
      greedy.push(socket);
      for (let message = 0; message < 10; message += 1)
        world.send(socket, 2001, { reports: reportsOf(perMessage) });
      await world.settle();
    }
    const refused = greedy.flatMap((socket) => acks(socket));
    const kept = REPORTS_PER_GATHER + REPORTS_WAITING_PER_USER_MAX;
    expect(refused).toHaveLength(100 - kept / perMessage);
    expect(refused.every(({ body }) => body.code === "OVERLOADED" && body.retryAfterMs > 0)).toBe(true);
    const other = await world.signIn("other");
    world.send(other, 2001, { reports: reportsOf(perMessage) });
    await world.settle();
    expect(acks(other)).toEqual([]);
  });

  it("tells each of a call that failed, and goes on", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    world.history.onReport = () =>
      Promise.reject(new CodedError("UNAVAILABLE", "away", { retryAfterMs: 2_000 }));
    world.send(socket, 2001, { reports: reportsOf(1) });
    await world.pass(GATHER_MS);
    expect(acks(socket)).toMatchObject([{ body: { code: "UNAVAILABLE", retryAfterMs: 2_000 } }]);
    answering(world, { receipt: { accepted: 1, ignored: 0 } });
    world.send(socket, 2001, { reports: reportsOf(1) });
    await world.pass(GATHER_MS);
    expect(acks(socket)).toEqual([{ seq: 1, body: "" }]);
  });

  it("takes a call that is refused for no fault of theirs: what is invalid is never sent again", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    world.history.onReport = () => Promise.reject(new CodedError("INVALID", "no such field"));
    world.send(socket, 2001, { reports: reportsOf(1) });
    await world.pass(GATHER_MS);
    expect(acks(socket)).toMatchObject([{ body: { code: "INTERNAL" } }]);
    expect(world.failures).toHaveLength(1);
  });

  it("hands on what a socket has sent that has gone meanwhile", async () => {
    const world = cometWorld();
    const socket = await world.signIn("a");
    world.send(socket, 2001, { reports: reportsOf(1) });
    world.hangUp(socket);
    await world.pass(GATHER_MS);
    expect(world.history.reports).toHaveLength(1);
  });
});
