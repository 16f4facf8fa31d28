import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { CometRpc, RoomRpc } from "../../../src/contracts/realtime-rpc.ts";
import { cometOfGuest, cometOfUser } from "../../../src/realtime/biz/comet-name.ts";
import { Pushes } from "../../../src/realtime/biz/pushes.ts";

const MESSAGE = { op: 1_000, body: new Uint8Array([1]) };
const SHARDS: Readonly<Record<string, number>> = { main: 4, us: 2 };

/** Pushes in two cells, over comets of which each delivers to one, and some are down. */
function setUp({ cells = ["main", "us"], down = [] as readonly string[] } = {}) {
  const called: (readonly unknown[])[] = [];
  const failures: string[] = [];
  const note =
    (name: string, method: string) =>
    async (...args: readonly unknown[]) => {
      called.push([name, method, ...args.filter((arg) => arg !== MESSAGE)]);
      return { delivered: 1, sockets: 2, users: 1 };
    };
  const cometNamed = (name: string) =>
    Object.fromEntries(
      ["pushUsers", "pushKeys", "pushAll", "online"].map((method) => [method, note(name, method)]),
    ) as unknown as CometRpc;
  const pushes = new Pushes({
    cells,
    directory: {
      async shardsOf(cell) {
        const shards = SHARDS[cell];
        if (shards === undefined || down.includes(cell))
          throw new CodedError("UNAVAILABLE", `${cell} is away`);
        return shards;
      },
    },
    subComets: 3,
    callComet: async (name, _what, _kind, call) => {
      if (down.includes(name)) throw new CodedError("UNAVAILABLE", `${name} is down`);
      return call(cometNamed(name));
    },
    callRoom: async (name, _what, _kind, call) =>
      call({
        push: async () => ({ delivered: name.length }),
        online: async () => name.length,
      } as unknown as RoomRpc),
    onFailure: (what) => failures.push(what),
  });
  return { pushes, called, failures, names: () => called.map(([name]) => String(name)).toSorted() };
}

describe("a push to users", () => {
  it("goes to the comet of each in every cell, one call for all of a comet's", async () => {
    const { pushes, called } = setUp();
    const ids = Array.from({ length: 40 }, (_, index) => `user-${index}`);
    expect(await pushes.users([...ids, "user-1"], MESSAGE, undefined)).toEqual({ delivered: 6 });
    expect(called).toHaveLength(6);
    for (const cell of ["main", "us"])
      for (const userId of ids) {
        const comet = cometOfUser({ userId, cell }, SHARDS[cell] ?? 0);
        const [, , users] = called.find(([name]) => name === comet) ?? [];
        expect(users).toContain(userId);
      }
    const told = called.flatMap(([, , users]) => users as readonly string[]);
    expect(told).toHaveLength(2 * ids.length);
  });

  it("asks no other cell where theirs is known", async () => {
    const { pushes, names } = setUp();
    await pushes.users(["ada"], MESSAGE, "us");
    expect(names()).toEqual([cometOfUser({ userId: "ada", cell: "us" }, 2)]);
  });

  it("reaches those who can be reached, says so of the others, and fails where it reaches nobody", async () => {
    const comet = cometOfUser({ userId: "ada", cell: "main" }, 4);
    const one = setUp({ down: [comet] });
    expect(await one.pushes.users(["ada"], MESSAGE, undefined)).toEqual({ delivered: 1 });
    expect(one.failures).toEqual(["push: 1 of 2"]);
    const other = setUp({ down: ["us"] });
    expect(await other.pushes.users(["ada"], MESSAGE, undefined)).toEqual({ delivered: 1 });
    expect(other.failures).toEqual(["find the comets of a cell: 1 of 2"]);
    const none = setUp({ cells: ["main"], down: [comet] });
    await expect(none.pushes.users(["ada"], MESSAGE, undefined)).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    await expect(none.pushes.users(["ada"], MESSAGE, "eu")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("a push to keys", () => {
  it("goes to the comet that guests with that key are in", async () => {
    const { pushes, called } = setUp();
    const keys = ["a", "b", "c", "d", "a"];
    const { delivered } = await pushes.keys(keys, MESSAGE, undefined);
    expect(delivered).toBe(called.length);
    for (const [name, method, userId, some] of called) {
      expect([method, userId]).toEqual(["pushKeys", null]);
      for (const key of some as readonly string[]) expect(cometOfGuest(key, 3)).toBe(name);
    }
    expect(called.flatMap(([, , , some]) => some as readonly string[]).toSorted()).toEqual([
      "a",
      "b",
      "c",
      "d",
    ]);
  });

  it("of a user goes to the user's comets, and names whose they are", async () => {
    const { pushes, called } = setUp({ cells: ["main"] });
    await pushes.keys(["a", "b"], MESSAGE, "ada");
    const comet = cometOfUser({ userId: "ada", cell: "main" }, 4);
    expect(called).toEqual([[comet, "pushKeys", "ada", ["a", "b"]]]);
  });
});

describe("a push to all", () => {
  it("goes to every comet of every cell, and to those of guests", async () => {
    const { pushes, names } = setUp();
    expect(await pushes.all(MESSAGE)).toEqual({ delivered: 9 });
    const all = ["shard-0", "shard-1", "shard-2", "shard-3", "sub-0", "sub-1", "sub-2", "us-0", "us-1"];
    expect(names()).toEqual(all);
  });

  it("holds nothing back for a cell of which nothing is known", async () => {
    const { pushes, failures } = setUp({ down: ["main", "sub-1"] });
    expect(await pushes.all(MESSAGE)).toEqual({ delivered: 4 });
    expect(failures).toHaveLength(2);
  });
});

describe("a room", () => {
  it("is asked by its name, for a push and for who is online", async () => {
    const { pushes, called } = setUp();
    expect(await pushes.room("live://1", MESSAGE)).toEqual({ delivered: 8 });
    expect(await pushes.online("live://1")).toBe(8);
    expect(called).toEqual([]);
  });

  it("isn't asked who is online in all: every comet is", async () => {
    const { pushes } = setUp();
    expect(await pushes.online(undefined)).toBe(18);
  });
});
