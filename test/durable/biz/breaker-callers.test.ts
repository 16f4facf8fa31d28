import { describe, expect, it } from "vitest";
import { BreakerCallers } from "../../../src/durable/biz/breaker-callers.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const seen = (worker: string, engine: "sre" | "hystrix" = "sre", ok = 1, failed = 1) => ({
  worker,
  engine,
  ok,
  failed,
});

function setUp() {
  const clock = new VirtualTime();
  const callers = new BreakerCallers();
  return {
    clock,
    note: (what: ReturnType<typeof seen>) => callers.note(clock.now(), what),
    view: () => callers.view(clock.now()),
  };
}

describe("the callers of an upstream", () => {
  it("are counted for ten seconds, and named for a minute", () => {
    const { clock, note, view } = setUp();
    note(seen("b", "sre", 5, 3));
    clock.turn(1_000);
    note(seen("b", "sre", 2, 0));
    note(seen("a", "hystrix"));
    expect(view()).toEqual([
      { worker: "a", engine: "hystrix", total: 2, failures: 1 },
      { worker: "b", engine: "sre", total: 10, failures: 3 },
    ]);
    clock.turn(10_000);
    expect(view().map(({ total }) => total)).toEqual([0, 0]);
    clock.turn(50_001);
    expect(view()).toEqual([]);
  });

  it("are shown by both engines while a deployment changes it", () => {
    const { note, view } = setUp();
    note(seen("a", "sre"));
    note(seen("a", "hystrix"));
    expect(view().map(({ engine }) => engine)).toHaveLength(2);
  });

  it("are no more than some: whoever was seen last is kept", () => {
    const { note, view } = setUp();
    for (let index = 0; index < 100; index += 1) {
      note(seen("often"));
      note(seen(`once-${index}`));
    }
    expect(view()).toHaveLength(32);
    expect(view().find(({ worker }) => worker === "often")).toMatchObject({ total: 200 });
    expect(view().some(({ worker }) => worker === "once-99")).toBe(true);
  });

  it("are counted no further than a window can hold, whatever they say", () => {
    const { note, view } = setUp();
    note(seen("a", "sre", Number.MAX_SAFE_INTEGER, 0));
    expect(view()).toEqual([{ worker: "a", engine: "sre", total: 1_000_000, failures: 0 }]);
  });

  it("survive a clock that was set back by an hour", () => {
    const { clock, note, view } = setUp();
    note(seen("a"));
    clock.stepBack(3_600_000);
    note(seen("b"));
    expect(view().map(({ worker, total }) => [worker, total])).toContainEqual(["b", 2]);
    clock.turn(60_001);
    expect(view()).toEqual([]);
  });
});
