import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { Change, ChangePage } from "../../../src/contracts/history.ts";
import { PAGES_MAX } from "../../../src/realtime/biz/catch-up.ts";
import { cometWorld, type CometWorld } from "../support/comet-world.ts";
import type { FakeSocket } from "../support/fake-socket.ts";

const changeOf = (rev: number): Change => ({ removed: { kind: "video", itemId: `i${rev}`, at: rev } });
const range = (first: number, last: number) =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);

/** What a socket was told of the history: op, revisions, cursor. */
const told = (socket: FakeSocket) =>
  socket
    .received()
    .filter(({ op }) => op === 8 || op === 2002 || op === 2006)
    .map(({ op, body }) => {
      if (op === 8) return "op 8";
      const { changes, cursor, more } = JSON.parse(body);
      const revs = changes.map((change: { removed: { at: number } }) => change.removed.at);
      return `${op === 2006 ? "resync " : ""}${revs.join(",")} @${cursor}${more ? " more" : ""}`;
    });

/** A history of one user, whose revisions count up; pages of three. */
class CountedHistory {
  rev = 0;
  page(since: string | undefined): ChangePage | null {
    if (since === undefined) return null;
    const from = Number(since);
    const to = Math.min(this.rev, from + 3);
    return { changes: range(from + 1, to).map(changeOf), cursor: String(to), more: to < this.rev };
  }
  news(userId: string, except?: string) {
    this.rev += 1;
    const cursor = String(this.rev);
    return { userId, changes: [changeOf(this.rev)], cursor, ...(except === undefined ? {} : { except }) };
  }
}

function historyWorld(rev: number) {
  const world = cometWorld();
  const history = new CountedHistory();
  history.rev = rev;
  world.history.onJoin = async (_, { since }) => history.page(since);
  return { world, history };
}

/** A history that answers when it is told to. */
function gated(world: CometWorld, history: CountedHistory) {
  const gates: (() => void)[] = [];
  world.history.onJoin = async (_, { since }) => {
    const page = history.page(since);
    await new Promise<void>((resolve) => void gates.push(resolve));
    return page;
  };
  return async () => {
    gates.shift()?.();
    await world.settle();
  };
}

describe("a client that comes back", () => {
  it("is told all that it missed, in pages and in order, after op 8 and before live news", async () => {
    const { world, history } = historyWorld(8);
    const socket = await world.signIn("a", { since: "1" });
    world.comet.changed([history.news("a")]);
    expect(told(socket)).toEqual(["op 8", "2,3,4 @4 more", "5,6,7 @7 more", "8 @8", "9 @9"]);
  });

  it("learns that it has everything where nothing was missed", async () => {
    const { world } = historyWorld(3);
    expect(told(await world.signIn("a", { since: "3" }))).toEqual(["op 8", " @3"]);
  });

  it("is told first that its place is too old", async () => {
    const { world } = historyWorld(0);
    world.history.onJoin = async () => ({ changes: [changeOf(1)], cursor: "1", more: false, resync: true });
    expect(told(await world.signIn("a", { since: "0" }))).toEqual(["op 8", "resync 1 @1"]);
  });

  it("is not told once more, of what was, by news that its answer has overtaken", async () => {
    const { world, history } = historyWorld(2);
    const overtaken = history.news("a");
    history.news("a");
    const socket = await world.signIn("a", { since: "2" });
    world.comet.changed([overtaken]);
    world.hibernate();
    world.comet.changed([overtaken, history.news("a")]);
    expect(told(socket)).toEqual(["op 8", "3,4 @4", "5 @5"]);
  });

  it("is not told twice what a call tells that comes late, after it went out again: it has reported since", async () => {
    const { world, history } = historyWorld(0);
    const [phone, tv] = [await world.signIn("a", { since: "0" }), await world.signIn("a", { since: "0" })];
    const late = history.news("a", phone.id);
    world.comet.changed([late]);
    world.comet.changed([history.news("a", tv.id)]);
    world.comet.changed([late]);
    expect(told(tv)).toEqual(["op 8", " @0", "1 @1"]);
  });

  it("is told live news again where it had to begin anew at an earlier place: the shard has lost its clock", async () => {
    const { world, history } = historyWorld(9);
    const socket = await world.signIn("a", { since: "9" });
    history.rev = 2;
    world.history.onJoin = async () => ({ changes: [changeOf(2)], cursor: "2", more: false, resync: true });
    world.comet.changed([{ userId: "a", behind: "1" }]);
    await world.settle();
    world.comet.changed([history.news("a")]);
    expect(told(socket)).toEqual(["op 8", " @9", "resync 2 @2", "3 @3"]);
  });

  it("without a place gets live news only, from op 8 on", async () => {
    const { world, history } = historyWorld(5);
    const open = gated(world, history);
    const socket = await world.signIn("a");
    world.comet.changed([history.news("a")]);
    expect(told(socket)).toEqual([]);
    await open();
    world.comet.changed([history.news("a")]);
    expect(told(socket)).toEqual(["op 8", "7 @7"]);
    expect(world.history.joins).toMatchObject([{ userId: "a", sockets: 1 }]);
  });

  it("asks again where news came meanwhile, until it is quiet", async () => {
    const { world, history } = historyWorld(2);
    const open = gated(world, history);
    const socket = await world.signIn("a", { since: "0" });
    for (let round = 0; round < 3; round += 1) {
      world.comet.changed([history.news("a")]);
      await open();
    }
    await open();
    world.comet.changed([history.news("a")]);
    expect(told(socket)).toEqual(["op 8", "1,2 @2", "3 @3", "4 @4", "5 @5", "6 @6"]);
  });

  it("is not answered before it is known to listen, and waits while the history is away", async () => {
    const { world, history } = historyWorld(1);
    let failures = 2;
    world.history.onJoin = async (_, { since }) => {
      if (failures-- > 0) throw new CodedError("UNAVAILABLE", "away");
      return history.page(since);
    };
    const socket = await world.signIn("a", { since: "0" });
    expect(told(socket)).toEqual([]);
    await world.pass(4_000);
    expect(told(socket)).toEqual(["op 8", "1 @1"]);
  });

  it("is greeted, and may report, where the history can't be read: what it missed comes when it can", async () => {
    const { world, history } = historyWorld(1);
    let isAway = true;
    world.history.onJoin = async (_, { since }) => {
      if (isAway && since !== undefined) throw new CodedError("UNAVAILABLE", "away");
      return history.page(since);
    };
    const socket = await world.signIn("a", { since: "0" });
    await world.pass(2_000);
    expect(socket.received().map(({ op }) => op)).toEqual([8, 2004]);
    world.comet.changed([history.news("a")]);
    // Ours waits 3 s for what it missed.
    await world.pass(2_000);
    world.send(socket, 2001, { reports: [{ kind: "video", itemId: "i", positionMs: 1 }] });
    await world.pass(1_000);
    expect(socket.received().map(({ op }) => op)).toEqual([2001]);
    isAway = false;
    await world.pass(2_000);
    expect(told(socket)).toEqual(["1,2 @2"]);
  });

  it("is closed in the end where the history can't be read, and leaves nothing behind", async () => {
    const { world } = historyWorld(1);
    world.history.onJoin = async (_, { since }) => {
      if (since !== undefined) throw new CodedError("UNAVAILABLE", "away");
      return null;
    };
    const socket = await world.signIn("a", { since: "0" });
    await world.pass(11_000);
    expect(socket.closed?.code).toBe(1012);
    expect(world.history.joins).toHaveLength(7);
    expect(world.history.leaves).toMatchObject([{ userId: "a", sockets: 0 }]);
  });

  it.each([
    ["UNAVAILABLE", 4, 1012],
    ["INTERNAL", 4, 1012],
    ["UNAUTHENTICATED", 1, 4401],
    ["INVALID", 1, 4422],
  ] as const)("is closed where the history says %s, after %i times", async (code, times, closed) => {
    const { world } = historyWorld(1);
    world.history.onJoin = () => Promise.reject(new CodedError(code, "no"));
    const socket = await world.signIn("a", { since: "0" });
    await world.pass(30_000);
    expect(socket.closed?.code).toBe(closed);
    expect(world.history.joins).toHaveLength(times);
  });

  it("has no line for each client while the history is left alone", async () => {
    const world = cometWorld();
    world.history.onJoin = () => Promise.reject(new CodedError("CIRCUIT_OPEN", "left alone"));
    world.rooms.onMembers = () => Promise.reject(new CodedError("OVERLOADED", "no place"));
    const sockets = [await world.signIn("a"), await world.guest({ room_id: "live://1" })];
    await world.pass(10_000);
    expect(sockets.map(({ closed }) => closed?.code)).toEqual([1012, 1012]);
    expect(world.failures).toEqual([]);
  });

  it("is closed where its history never comes to rest", async () => {
    const { world, history } = historyWorld(1);
    world.history.onJoin = async (_, { since }) => {
      world.comet.changed([history.news("a")]);
      return history.page(since);
    };
    const socket = await world.signIn("a", { since: "0" });
    for (let turn = 0; turn < PAGES_MAX; turn += 1) await world.settle();
    expect(socket.closed?.code).toBe(1012);
    expect(world.history.joins).toHaveLength(PAGES_MAX);
  });

  it("is one of thousands: the history is asked by some at a time", async () => {
    const { world } = historyWorld(0);
    let [asking, most] = [0, 0];
    world.history.onJoin = async () => {
      asking += 1;
      most = Math.max(most, asking);
      await world.time.sleep(5);
      asking -= 1;
      return null;
    };
    for (let count = 0; count < 1_000; count += 1) await world.signIn(`u${count}`);
    await world.pass(5_000);
    expect(world.history.joins).toHaveLength(1_000);
    expect(most).toBe(32);
  });
});

describe("news from a shard", () => {
  it("go to the user's other sockets of ours, and to nobody else", async () => {
    const { world, history } = historyWorld(0);
    const [first, second, other] = [
      await world.signIn("a"),
      await world.signIn("a"),
      await world.signIn("b"),
    ];
    expect(world.comet.changed([history.news("a", first.id)])).toEqual([]);
    expect(told(first)).toEqual(["op 8"]);
    expect(told(second)).toEqual(["op 8", "1 @1"]);
    expect(told(other)).toEqual(["op 8"]);
  });

  it("are answered by who has no socket that listens: of goim's none does", async () => {
    const { world, history } = historyWorld(0);
    await world.signIn("a");
    const goims = world.connect({ door: "goim", user: { userId: "g", sessionId: "s", roles: [] } });
    world.send(goims, 7, {});
    const gone = world.comet.changed([history.news("nobody"), history.news("a"), history.news("g")]);
    expect(gone).toEqual(["nobody", "g"]);
    expect(world.history.joins.map(({ userId }) => userId)).toEqual(["a"]);
  });

  it("that are behind are asked for, once for all sockets, while live ones wait", async () => {
    const { world, history } = historyWorld(4);
    const [first, second] = [await world.signIn("a"), await world.signIn("a")];
    const open = gated(world, history);
    world.comet.changed([{ userId: "a", behind: "2" }]);
    world.comet.changed([history.news("a")]);
    await open();
    await open();
    for (const socket of [first, second]) expect(told(socket)).toEqual(["op 8", "3,4,5 @5"]);
    expect(world.history.joins.slice(2)).toMatchObject([
      { sockets: 2, since: "2" },
      { sockets: 2, since: "5" },
    ]);
  });

  it("that are behind reach a socket that comes in without a place", async () => {
    const { world, history } = historyWorld(4);
    const open = gated(world, history);
    const socket = await world.signIn("a");
    world.comet.changed([{ userId: "a", behind: "2" }]);
    await open();
    await open();
    expect(told(socket)).toEqual(["op 8", "3,4 @4"]);
  });

  it("are asked for again where a socket has reported while its page was on its way: that may be older", async () => {
    const { world, history } = historyWorld(1);
    const socket = await world.signIn("a", { since: "1" });
    const open = gated(world, history);
    history.rev += 1;
    world.comet.changed([{ userId: "a", behind: "1" }]);
    await world.settle();
    history.rev += 1;
    world.send(socket, 2001, { reports: [{ kind: "video", itemId: "i2", positionMs: 1 }] });
    await world.pass(300);
    await open();
    await open();
    expect(told(socket)).toEqual(["op 8", " @1", "2 @2", "3 @3"]);
  });

  it("of an erased user close all sockets at once", async () => {
    const { world } = historyWorld(0);
    const socket = await world.signIn("a");
    expect(world.comet.changed([{ userId: "a", erased: true }])).toEqual(["a"]);
    expect(socket.closed?.code).toBe(4401);
  });
});

describe("who listens", () => {
  it("is told to the history with each join, and in one call when sockets have gone", async () => {
    const { world } = historyWorld(0);
    const [first, second, other] = [
      await world.signIn("a"),
      await world.signIn("a"),
      await world.signIn("b"),
    ];
    world.hangUp(first);
    world.hangUp(other);
    await world.pass(1_000);
    world.hangUp(second);
    await world.pass(1_000);
    expect(world.history.joins.map(({ userId, sockets }) => `${userId} ${sockets}`)).toEqual([
      "a 1",
      "a 2",
      "b 1",
    ]);
    expect(world.history.leaves).toMatchObject([
      { userId: "a", sockets: 1 },
      { userId: "b", sockets: 0 },
      { userId: "a", sockets: 0 },
    ]);
  });

  it("is said in one call of a user at a time: none overtakes another", async () => {
    const { world } = historyWorld(0);
    const gates: (() => void)[] = [];
    const closed = () => new Promise<void>((resolve) => void gates.push(resolve));
    world.history.onJoin = async () => {
      await closed();
      return null;
    };
    const said = () => world.history.joins.map(({ userId, sockets }) => `${userId} ${sockets}`);
    const [first] = [await world.signIn("a"), await world.signIn("a"), await world.signIn("b")];
    expect(said()).toEqual(["a 1", "b 1"]);
    world.hangUp(first);
    await world.pass(5_000);
    expect(world.history.leaves).toEqual([]);
    gates.shift()?.();
    await world.settle();
    expect(said()).toEqual(["a 1", "b 1", "a 1"]);
    gates.splice(0).forEach((open) => open());
    await world.pass(2_000);
    expect(world.history.leaves).toMatchObject([{ userId: "a", sockets: 1 }]);
  });

  it("has versions that only grow, whatever the clock does", async () => {
    const { world } = historyWorld(0);
    for (let count = 0; count < 3; count += 1) {
      world.hangUp(await world.signIn("a"));
      await world.pass(2_000);
      world.time.stepBack(5_000);
    }
    const joins = world.history.joins.map(({ version }) => version);
    const leaves = world.history.leaves.map(({ version }) => version);
    const all = joins.flatMap((join, index) => [join, leaves[index] ?? 0]);
    expect(all).toEqual([...new Set(all)].sort((one, other) => one - other));
    expect(all).toHaveLength(6);
  });

  it("is said once more where it could not be told", async () => {
    const { world } = historyWorld(0);
    world.history.onLeave = () => Promise.reject(new Error("away"));
    world.hangUp(await world.signIn("a"));
    await world.pass(120_000);
    expect(world.failures).toHaveLength(2);
    world.history.onLeave = async () => undefined;
    world.hangUp(await world.signIn("a"));
    await world.pass(120_000);
    expect(world.history.leaves).toMatchObject([{ userId: "a", sockets: 0 }]);
  });
});

describe("whatever happens", () => {
  type Step = "news" | "own news" | "behind" | "answer" | "fail" | "wait" | "new socket" | "hang up";
  const steps: fc.Arbitrary<readonly Step[]> = fc.array(
    fc.constantFrom<Step>(
      "news",
      "news",
      "own news",
      "behind",
      "answer",
      "answer",
      "fail",
      "wait",
      "new socket",
      "hang up",
    ),
    { maxLength: 60 },
  );

  it("a cursor that a socket has been told means that it has everything up to there", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const { world, history } = historyWorld(5);
        const pending: ((fails: boolean) => void)[] = [];
        world.history.onJoin = async (_, { since }) => {
          const fails = await new Promise<boolean>((resolve) => void pending.push(resolve));
          if (fails) throw new CodedError("UNAVAILABLE", "away");
          return history.page(since);
        };
        const clients: Client[] = [];
        for (const step of plan) {
          await take(step, { world, history, pending, clients });
          for (const client of clients) client.read();
        }
        // Everything comes to rest.
        for (let turn = 0; turn < 100; turn += 1) {
          for (const answer of pending.splice(0)) answer(false);
          await world.pass(100);
          for (const client of clients) client.read();
        }
        const lacking = clients.flatMap((client) => [...client.untold, ...client.lackOf(history.rev)]);
        expect(lacking).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  /** Notes what it is told: each revision that isn't its own should be, in order. */
  class Client {
    readonly socket: FakeSocket;
    place: number;
    readonly own = new Set<number>();
    /** Below a cursor that it was told, and never told themselves. */
    readonly untold: number[] = [];
    constructor(socket: FakeSocket, place: number) {
      this.socket = socket;
      this.place = place;
    }
    /** What it should have been told by now, and wasn't. */
    lackOf(rev: number): readonly number[] {
      if (this.socket.closed !== null) return [];
      return range(this.place + 1, rev).filter((one) => !this.own.has(one));
    }
    read(): void {
      for (const { op, body } of this.socket.received()) {
        if (op !== 2002) continue;
        const { changes, cursor } = JSON.parse(body);
        const revs = new Set(changes.map((change: { removed: { at: number } }) => change.removed.at));
        this.untold.push(
          ...range(this.place + 1, Number(cursor)).filter((rev) => !revs.has(rev) && !this.own.has(rev)),
        );
        this.place = Math.max(this.place, Number(cursor));
      }
    }
  }

  interface Stage {
    readonly world: CometWorld;
    readonly history: CountedHistory;
    readonly pending: ((fails: boolean) => void)[];
    readonly clients: Client[];
  }

  async function take(step: Step, { world, history, pending, clients }: Stage): Promise<void> {
    const client = clients.findLast(({ socket }) => socket.closed === null);
    if (step === "news") world.comet.changed([history.news("a")]);
    else if (step === "own news" && client !== undefined) {
      const news = history.news("a", client.socket.id);
      client.own.add(history.rev);
      world.comet.changed([news]);
    } else if (step === "behind") {
      // The shard could not tell what it has committed last.
      const behind = String(history.rev);
      history.rev += 1;
      world.comet.changed([{ userId: "a", behind }]);
    } else if (step === "answer") pending.shift()?.(false);
    else if (step === "fail") pending.shift()?.(true);
    else if (step === "wait") await world.pass(700);
    else if (step === "hang up" && client !== undefined) world.hangUp(client.socket);
    else if (step === "new socket" && clients.length < 8) {
      const place = Math.max(0, history.rev - 4);
      const socket = await world.signIn("a", { since: String(place) });
      clients.push(new Client(socket, place));
    }
    await world.settle();
  }
});
