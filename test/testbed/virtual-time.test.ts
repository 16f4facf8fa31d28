import { describe, expect, it } from "vitest";
import { VirtualTime } from "../../testbed/virtual-time.ts";

const START_MS = 1_000;

function planned() {
  const time = new VirtualTime(START_MS);
  const happened: string[] = [];
  const note = (what: string) => () => void happened.push(`${what} at ${time.now() - START_MS}`);
  return { time, happened, note };
}

describe("virtual time", () => {
  it("lets things happen in the order of their times, and of their planning where those are equal", () => {
    const { time, happened, note } = planned();
    time.after(20, note("last"));
    time.at(START_MS + 10, note("first"));
    time.after(10, note("second"));
    time.turn(20);
    expect(happened).toEqual(["first at 10", "second at 10", "last at 20"]);
  });

  it("goes no further than it is turned, and runs what is planned meanwhile", () => {
    const { time, happened, note } = planned();
    time.after(10, () => void time.after(5, note("from inside")));
    time.after(21, note("too late"));
    time.turn(20);
    expect(happened).toEqual(["from inside at 15"]);
    expect(time.now()).toBe(START_MS + 20);
  });

  it("forgets what was called off, without stopping at its time", () => {
    const { time, happened, note } = planned();
    const callOff = time.after(10, note("nothing"));
    time.after(30, note("something"));
    callOff();
    time.run();
    expect(happened).toEqual(["something at 30"]);
  });

  it("waits for what takes turns of its own before it goes on", async () => {
    const { time, happened, note } = planned();
    time.after(10, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      note("slow")();
    });
    time.after(20, note("after it"));
    await time.runUntil(START_MS + 50);
    expect(happened).toEqual(["slow at 10", "after it at 20"]);
    expect(time.now()).toBe(START_MS + 50);
  });

  it("takes a clock that was set back for what it is: what was planned comes at the time it had", () => {
    const { time, happened, note } = planned();
    time.after(10, note("planned"));
    time.stepBack(100);
    time.turn(100);
    expect(happened).toEqual([]);
    time.turn(10);
    expect(happened).toEqual(["planned at 10"]);
  });

  it("lets what became due while the thread was busy happen afterwards, late", () => {
    const { time, happened, note } = planned();
    time.after(10, note("late"));
    time.block(50);
    expect(happened).toEqual([]);
    time.turn(0);
    expect(happened).toEqual(["late at 50"]);
  });
});
