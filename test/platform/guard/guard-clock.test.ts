import { describe, expect, it } from "vitest";
import type { OverloadLimiter } from "../../../src/resilience/overload/overload-limiter.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const MONTH_MS = 30 * 86_400_000;
const MAX_CONCURRENT = 4;

function setUp(overload?: OverloadLimiter) {
  const clock = new VirtualTime();
  const options = {
    now: clock.now,
    maxConcurrent: MAX_CONCURRENT,
    timeoutMs: 400,
    timer: { withTimeout: <T>(answer: Promise<T>) => answer },
  };
  const guard = testGuard(overload === undefined ? options : { ...options, overload });
  const call = <T>(run: () => Promise<T>): Promise<T> =>
    guard.call("ask", { kind: "read", idempotent: false, deadlineAtMs: clock.now() + 1_000 }, run);
  /**
   * A call whose client has hung up: the runtime drops it, and nothing after its `await` is ever
   * run.
   */
  const vanish = (): void => void call(() => new Promise(() => undefined));
  return { clock, call, vanish };
}

describe("a guard whose clock was a month ahead for one reading", () => {
  it("gets the places of vanished calls back as soon as ever", async () => {
    const { clock, call, vanish } = setUp();
    clock.turn(MONTH_MS);
    vanish();
    clock.stepBack(MONTH_MS);
    for (let count = 1; count < MAX_CONCURRENT; count += 1) vanish();
    clock.turn(10_000);
    expect(
      await Promise.all(Array.from({ length: MAX_CONCURRENT }, () => call(async () => "answer"))),
    ).toHaveLength(MAX_CONCURRENT);
  });

  it("tells its limiter of no call that took a month", async () => {
    const took: number[] = [];
    const { clock, call } = setUp({
      admit: () => true,
      done: (nowMs: number, startedAtMs: number) => void took.push(nowMs - startedAtMs),
      view: () => ({ inFlight: 0, limit: 0, shedding: false }),
    });
    await call(async () => clock.turn(MONTH_MS));
    await call(async () => clock.stepBack(MONTH_MS));
    await call(async () => clock.turn(20));
    expect(took.map((ms) => ms >= 0 && ms <= 5_000)).toEqual([true, true, true]);
    expect(took[2]).toBe(20);
  });
});
