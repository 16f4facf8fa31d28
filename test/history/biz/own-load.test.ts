import { describe, expect, it } from "vitest";
import { OwnLoad } from "../../../src/history/biz/own-load.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";
import { beat, shardOver } from "../support/shard-over.ts";

/**
 * An object whose timers go off late by `lateMs`, as they do behind work that was there before
 * them.
 */
function loadWith(lateMs: () => number) {
  const clock = new VirtualTime();
  const load = new OwnLoad({
    now: clock.now,
    schedule: (delayMs, callback) => clock.after(delayMs + lateMs(), callback),
  });
  const workFor = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 5) {
      load.arrived();
      clock.turn(5);
    }
  };
  return { clock, load, workFor };
}

describe("an object's load", () => {
  it("is too much when its own timers have gone off late for a tenth of a second", () => {
    const { load, workFor } = loadWith(() => 25);
    workFor(100);
    expect(load.isTooMuch).toBe(false);
    workFor(100);
    expect(load.isTooMuch).toBe(true);
  });

  it("is no longer too much when a timer is on time again, nor after a while without work", () => {
    let lateMs = 25;
    const { clock, load, workFor } = loadWith(() => lateMs);
    workFor(300);
    expect(load.isTooMuch).toBe(true);
    lateMs = 0;
    workFor(50);
    expect(load.isTooMuch).toBe(false);
    lateMs = 25;
    workFor(300);
    clock.turn(2_000);
    expect(load.isTooMuch).toBe(false);
  });

  it("is not too much after two moments in which all stood still, with one between them in which nothing did", () => {
    let lateMs = 110;
    const { clock, load } = loadWith(() => lateMs);
    for (const standstill of [1, 2, 3]) {
      lateMs = 110;
      load.arrived();
      clock.turn(60);
      lateMs = 0;
      clock.turn(200);
      expect([standstill, load.isTooMuch]).toEqual([standstill, false]);
    }
  });

  it("is not too much because the wall clock is set, to either side", () => {
    const { clock, load, workFor } = loadWith(() => 0);
    workFor(50);
    clock.stepBack(-300_000);
    workFor(200);
    expect(load.isTooMuch).toBe(false);
    clock.stepBack(300_000);
    workFor(200);
    expect(load.isTooMuch).toBe(false);
  });

  it("keeps no timer running when nothing comes in", () => {
    let timers = 0;
    const clock = new VirtualTime();
    const load = new OwnLoad({
      now: clock.now,
      schedule: (delayMs, callback) => {
        timers += 1;
        return clock.after(delayMs, callback);
      },
    });
    for (let call = 0; call < 100; call += 1) load.arrived();
    expect(timers).toBe(1);
    clock.turn(60_000);
    expect(timers).toBe(1);
  });
});

describe("a shard", () => {
  it("refuses reads, and no report, while its own timers go off late", async () => {
    const { clock, start } = shardOver({ timersLateMs: 30 });
    const shard = start();
    await shard.report("ada", beat("film", 1));
    const refusals: string[] = [];
    for (let ms = 0; ms < 400; ms += 5) {
      clock.turn(5);
      try {
        shard.admitRead();
      } catch (error) {
        refusals.push((error as { code: string }).code);
      }
      await shard.report("ada", beat("film", ms));
    }
    expect(new Set(refusals)).toEqual(new Set(["OVERLOADED"]));
  });
});
