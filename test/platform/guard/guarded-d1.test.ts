import { describe, expect, it } from "vitest";
import { guardedD1 } from "../../../src/platform/guard/guarded-d1.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { proxiedD1 } from "../../../testbed/databases/d1-proxy.ts";
import { sqliteD1 } from "../../support/databases/sqlite-d1.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

/** A database of one table that fails as often as it is told to, and counts. */
function failingD1(failures: number, error = new Error("D1_ERROR: network connection lost")) {
  const state = { calls: 0, left: failures };
  const db = proxiedD1(sqliteD1("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT)"), async (ask) => {
    state.calls += 1;
    if (state.left > 0) {
      state.left -= 1;
      throw error;
    }
    return ask();
  });
  return { db, state };
}

const guarded = (db: D1Database, more: object = {}, breaker = new HystrixBreaker()) =>
  guardedD1(db, {
    guard: testGuard({ upstream: "db", breaker }),
    patience: () => ({ deadlineAtMs: Date.now() + 1_000 }),
    ...more,
  });

describe("a guarded database", () => {
  it("answers as the database does: prepared, bound, first, batch", async () => {
    const { db } = failingD1(0);
    const own = guarded(db);
    await own.batch([
      own.prepare("INSERT INTO thing (name) VALUES (?)").bind("a"),
      own.prepare("INSERT INTO thing (name) VALUES (?)").bind("b"),
    ]);
    expect(await own.prepare("SELECT name FROM thing WHERE id = ?").bind(2).first("name")).toBe("b");
    expect((await own.prepare("SELECT name FROM thing ORDER BY id").all()).results).toHaveLength(2);
  });

  it("tries a read again that fails, and a write never: whether it took effect is not known", async () => {
    const read = failingD1(2);
    await guarded(read.db).prepare("\n  select count(*) AS n FROM thing").all();
    expect(read.state.calls).toBe(3);
    const write = failingD1(1);
    const own = guarded(write.db);
    await expect(own.prepare("INSERT INTO thing (name) VALUES ('x')").run()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      mustNotRetry: false,
      failedBelow: true,
    });
    expect(write.state.calls).toBe(1);
    const batch = failingD1(1);
    const other = guarded(batch.db);
    await expect(other.batch([other.prepare("SELECT 1")])).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(batch.state.calls).toBe(1);
  });

  it("does not take refused data for a database that is down", async () => {
    const refused = new Error("D1_ERROR: UNIQUE constraint failed: SQLITE_CONSTRAINT");
    const { db } = failingD1(100, refused);
    const own = guarded(db);
    for (let write = 0; write < 40; write += 1) {
      await expect(own.prepare("INSERT INTO thing (name) VALUES ('x')").run()).rejects.toMatchObject({
        code: "INVALID",
      });
    }
  });

  it("is left alone once it has failed often enough", async () => {
    const { db, state } = failingD1(1_000);
    const own = guarded(db);
    for (let write = 0; write < 30; write += 1)
      await own
        .prepare("INSERT INTO thing (name) VALUES ('x')")
        .run()
        .catch(() => undefined);
    expect(state.calls).toBe(20);
    await expect(own.prepare("SELECT 1").all()).rejects.toMatchObject({ code: "CIRCUIT_OPEN" });
  });

  it("that hangs is left alone, also by those whose whole patience is one query", async () => {
    let asked = 0;
    const never = (): Promise<never> => {
      asked += 1;
      return new Promise(() => undefined);
    };
    const statement = { bind: () => statement, all: never };
    const guard = testGuard({ upstream: "db", timeoutMs: 20 });
    const own = guardedD1({ prepare: () => statement } as unknown as D1Database, {
      guard,
      patience: "one call",
    });
    const ask = () => own.prepare("SELECT 1").all();
    await Promise.allSettled(Array.from({ length: 25 }, ask));
    expect(asked).toBe(25);
    await expect(ask()).rejects.toMatchObject({ code: "CIRCUIT_OPEN" });
  });

  it("is asked again within one query's time, where it fails at once", async () => {
    const { db, state } = failingD1(2);
    await guarded(db, { patience: "one call" }).prepare("SELECT 1").all();
    expect(state.calls).toBe(3);
  });

  it("is asked nothing by a request whose time is up", async () => {
    const { db, state } = failingD1(0);
    const own = guarded(db, { patience: () => ({ deadlineAtMs: Date.now() + 5 }) });
    await expect(own.prepare("SELECT 1").all()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(state.calls).toBe(0);
  });
});
