import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { breakerReportSchema } from "../../../src/contracts/durable-schemas.ts";
import { UpstreamBreaker } from "../../../src/durable/biz/upstream-breaker.ts";
import { validate } from "../../../src/platform/validate.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { SharedBreaker } from "../../../src/resilience/breaker/shared-breaker.ts";
import { MemoryObjectStore } from "../../support/workers/memory-windows.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const FAILING = { reporter: "a", ok: 0, failed: 30, probe: null, version: 0 } as const;
const ASKING = { reporter: "b", ok: 0, failed: 0, probe: null, version: 1 } as const;

function setUp() {
  const clock = new VirtualTime();
  const store = new MemoryObjectStore();
  return { clock, store, open: () => new UpstreamBreaker(store, clock.now) };
}

describe("an upstream's breaker", () => {
  it("opens by nothing that is seen by engines which decide by themselves", () => {
    const { store, open } = setUp();
    const breaker = open();
    breaker.observe({ worker: "app", engine: "sre", ok: 0, failed: 1_000 });
    expect(breaker.view()).toMatchObject({ state: "closed", total: 0, failures: 0 });
    expect(breaker.report({ ...FAILING, failed: 0 })).toMatchObject({ state: "closed", version: 0 });
    expect(store.writes).toBe(0);
  });

  it("shows operators whose reports it had, each counted once, and none of a worker that doesn't say", () => {
    const { open } = setUp();
    const breaker = open();
    breaker.report({ ...FAILING, ok: 30, worker: "ops", version: 7 });
    breaker.report({ ...FAILING, ok: 31, worker: "ops" });
    breaker.report({ ...FAILING, reporter: "b", failed: 0 });
    expect(breaker.view().callers).toEqual([{ worker: "ops", engine: "hystrix", total: 61, failures: 30 }]);
  });
});

describe("an upstream's breaker in the time of a deployment", () => {
  /** What the object of the release before took of a report. */
  const schemaOfBefore = z.object({
    reporter: z.string(),
    ok: z.int(),
    failed: z.int(),
    probe: z.nullable(z.enum(["succeeded", "failed"])),
    version: z.int(),
    worker: z.optional(z.string()),
  });

  function crowded(reporters: number) {
    const { clock, open } = setUp();
    const breaker = open();
    for (let index = 0; index < reporters; index += 1)
      breaker.report({ ...ASKING, version: 0, reporter: `isolate-${index}` });
    return { clock, breaker };
  }

  it("tells isolates how soon to come again, the later the more they are", () => {
    const [few, many] = [crowded(10), crowded(1_000)].map(({ breaker }) => breaker.report({ ...ASKING }));
    expect(few).toMatchObject({ reportAfterMs: 1_000, quietAfterMs: 5_000 });
    expect(many?.reportAfterMs).toBeGreaterThan(5_000);
    expect(many?.quietAfterMs).toBeGreaterThan(30_000);
  });

  it("tells those that decide by themselves as well, and counts them; not those of the release before", () => {
    const { breaker } = crowded(1_000);
    const seen = { worker: "app", engine: "sre", ok: 1, failed: 0 } as const;
    expect(breaker.observe({ ...seen, reporter: "alone", keptMs: 8_000 })?.quietAfterMs).toBeGreaterThan(
      30_000,
    );
    expect(breaker.observe(seen)).toBeUndefined();
    expect(breaker.view().callers).toMatchObject([{ worker: "app", engine: "sre", total: 2 }]);
  });

  it("counts isolates of the release before, which report every second and read no more of the answer", () => {
    const { clock, breaker } = crowded(1_000);
    for (let second = 0; second < 5; second += 1) {
      breaker.report({ reporter: "old", ok: 1, failed: 5, probe: null, version: 0 });
      clock.turn(1_000);
    }
    expect(breaker.view()).toMatchObject({ state: "open", total: 24, failures: 20 });
  });

  it("is told by its isolates what the release before understands, and counts as they mean it", () => {
    const { clock, breaker } = crowded(1_000);
    const isolate = new SharedBreaker({
      engine: new HystrixBreaker(),
      reporter: "new",
      random: () => 0,
    });
    const failing = (atMs: number) => {
      isolate.record(atMs, "failure", "admitted");
      return isolate.takeReport(atMs);
    };
    const first = failing(clock.now());
    if (first === null) throw new Error("nothing to tell");
    isolate.learn(clock.now(), breaker.report(first));
    clock.turn(60_000);
    isolate.record(clock.now() - 4_000, "success", "admitted");
    const later = failing(clock.now());
    expect(later).toMatchObject({ ok: 1, failed: 1, keptMs: expect.any(Number) });
    expect(validate(breakerReportSchema, later, "report")).toEqual(later);
    expect(schemaOfBefore.parse(later)).toEqual({
      reporter: "new",
      ok: 1,
      failed: 1,
      probe: null,
      version: 0,
    });
    // The object of the release before says nothing of a pace: a second, as ever.
    isolate.learn(clock.now(), { state: "closed", version: 0, probeLeaseMs: 0 });
    clock.turn(1_000);
    expect(failing(clock.now())).toEqual({ reporter: "new", ok: 0, failed: 1, probe: null, version: 0 });
  });
});

describe("an upstream's breaker over a store that may refuse any write", () => {
  it("tells no state that a restart would undo", () => {
    const { store, open } = setUp();
    const breaker = open();
    store.failsAtWrite = 1;
    expect(() => breaker.report(FAILING)).toThrow("refused");
    expect(breaker.report(ASKING).state).toBe("open");
    expect(open().view()).toMatchObject({ state: "open", version: 1 });
  });

  it("gives one lease, also where writing it down failed", () => {
    const { clock, store, open } = setUp();
    const breaker = open();
    breaker.report(FAILING);
    clock.turn(1_000);
    store.failsAtWrite = 1;
    expect(() => breaker.report(ASKING)).toThrow("refused");
    expect(breaker.report({ ...ASKING, reporter: "c" }).probeLeaseMs).toBe(0);
    expect(open().report({ ...ASKING, reporter: "d" }).probeLeaseMs).toBe(0);
    clock.turn(1_000);
    expect(breaker.report({ ...ASKING, reporter: "c" }).probeLeaseMs).toBe(1_000);
  });
});
