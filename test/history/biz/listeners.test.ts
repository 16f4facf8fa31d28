import { describe, expect, it } from "vitest";
import { Listeners, LISTENERS_MAX } from "../../../src/history/biz/listeners.ts";
import { ShardListeners } from "../../../src/history/data/shard-listeners.ts";
import { SqliteShardLog } from "../../../src/history/data/sqlite-shard-log.ts";
import { SqliteShardSql } from "../../../testbed/databases/sqlite-shard-sql.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const DAY = 86_400_000;
const ada = (sockets: number, version: number) => ({ userId: "ada", sockets, version });

function listenersOver() {
  const sql = new SqliteShardSql();
  const clock = new VirtualTime();
  const log = new SqliteShardLog(sql);
  const store = new ShardListeners(sql);
  const start = (): Listeners => new Listeners({ store, now: clock.now });
  const where = (listeners: Listeners): readonly (readonly [string, number])[] =>
    listeners.of("ada").map(({ comet, sockets }) => [comet, sockets]);
  return { sql, clock, log, store, start, where };
}

describe("who listens", () => {
  it("is known after a restart, until they leave", () => {
    const { start, where } = listenersOver();
    const first = start();
    first.join("shard-0", ada(2, 1));
    expect(where(start())).toEqual([["shard-0", 2]]);
    first.leave("shard-0", ada(1, 2));
    expect(where(start())).toEqual([["shard-0", 1]]);
    first.leave("shard-0", ada(0, 3));
    expect([where(first), where(start()), start().count]).toEqual([[], [], 0]);
  });

  it("isn't taken away by a leave that comes after the next join, also not after a restart", () => {
    const { start, where } = listenersOver();
    start().join("shard-0", ada(1, 7));
    const listeners = start();
    listeners.leave("shard-0", ada(0, 6));
    listeners.leave("shard-1", ada(0, 9));
    expect(where(listeners)).toEqual([["shard-0", 1]]);
    // A join always counts, whatever a comet's clock says now.
    listeners.join("shard-1", ada(3, 2));
    listeners.leave("shard-1", ada(0, 1));
    expect(where(start())).toEqual([
      ["shard-0", 1],
      ["shard-1", 3],
    ]);
  });

  it("isn't taken away by a join and a leave that both come after a later join", () => {
    const { start, where } = listenersOver();
    const listeners = start();
    listeners.join("shard-0", ada(2, 5));
    listeners.join("shard-0", ada(1, 1));
    expect(where(listeners)).toEqual([["shard-0", 2]]);
    listeners.leave("shard-0", ada(0, 3));
    expect(where(start())).toEqual([["shard-0", 2]]);
    listeners.leave("shard-0", ada(0, 6));
    expect(where(start())).toEqual([]);
  });

  it("may be in several comets, of which the oldest goes", () => {
    const { clock, start, where } = listenersOver();
    const listeners = start();
    for (let comet = 0; comet < 6; comet += 1) {
      clock.turn(1_000);
      listeners.join(`shard-${comet}`, ada(1, 1));
    }
    expect(where(listeners).map(([comet]) => comet)).toEqual(["shard-2", "shard-3", "shard-4", "shard-5"]);
    expect(start().count).toBe(4);
  });

  it("writes one row at a join and at a leave, and none where nothing changes", () => {
    const { sql, start } = listenersOver();
    const listeners = start();
    sql.writesLeft = 2;
    listeners.join("shard-0", ada(1, 1));
    listeners.leave("shard-0", ada(1, 2));
    listeners.leave("shard-0", ada(0, 3));
    expect(sql.writesLeft).toBe(0);
  });

  it("is no one who was erased by a release that knows no listeners, and whoever else there was, whatever the clock says", () => {
    const { clock, log, start, where } = listenersOver();
    const listeners = start();
    listeners.join("shard-0", { userId: "eve", sockets: 1, version: 1 });
    listeners.join("shard-0", ada(1, 1));
    log.erase("eve", clock.now(), 1, { records: [], keys: [] });
    clock.turn(30 * DAY);
    expect(where(start())).toHaveLength(1);
  });

  it("is bounded: beyond it a join is refused, unless those of long ago make room", () => {
    const { clock, start } = listenersOver();
    const listeners = start();
    for (let user = 0; user < LISTENERS_MAX; user += 1)
      listeners.join("shard-0", { userId: `user-${user}`, sockets: 1, version: 1 });
    expect(() => listeners.join("shard-0", ada(1, 1))).toThrow(/more listen/i);
    clock.turn(2 * DAY);
    listeners.join("shard-0", ada(1, 1));
    expect([listeners.count, start().count]).toEqual([1, 1]);
  });

  it("is as it was where the row can't be written", () => {
    const { sql, start, where } = listenersOver();
    const listeners = start();
    listeners.join("shard-0", ada(1, 1));
    sql.writesLeft = 0;
    expect(() => listeners.join("shard-1", ada(1, 2))).toThrow("disk is full");
    expect(() => listeners.leave("shard-0", ada(0, 2))).toThrow("disk is full");
    expect(where(listeners)).toEqual([["shard-0", 1]]);
  });
});
