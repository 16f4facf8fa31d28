import { describe, expect, it } from "vitest";
import { hintsOf } from "../../../src/contracts/errors.ts";
import type { FailureCount, KnownDevice } from "../../../src/identity/biz/ports.ts";
import { failureCounts } from "../../../src/identity/data/failure-counts.ts";
import { CallTimeoutError } from "../../../src/platform/guard/call-timer.ts";
import { MemoryWindows } from "../../support/workers/memory-windows.ts";
import { testGuard } from "../../support/workers/test-guard.ts";
import { VirtualTime } from "../../../testbed/virtual-time.ts";

const EMAIL = "ada@example.com";
const DEVICE: KnownDevice = { userId: "ada", deviceId: "tv" };
const MINUTE_MS = 60_000;

function counts(sleep = async (): Promise<void> => undefined) {
  const clock = new VirtualTime();
  const windows = new MemoryWindows(clock.now);
  let background: Promise<unknown>[] = [];
  const isolate = () =>
    failureCounts({
      windowOf: windows.windowOf,
      guard: testGuard({ now: clock.now, upstream: "rate-window", sleep }),
      scale: 1,
      now: clock.now,
      background: (work) => void background.push(work),
    });
  const inBackground = async (): Promise<void> => {
    await Promise.all(background);
    background = [];
  };
  const failures = isolate();
  const login = (clientAddress: string, device: KnownDevice | null = null, of = failures) =>
    of.ofLogin({ email: EMAIL, clientAddress, device });
  return { clock, windows, failures, isolate, login, inBackground };
}

/** Looks at a wrong password. Answers 0, or the ms after which one may come again. */
async function wrong(count: FailureCount): Promise<number> {
  try {
    count.refuseKnown();
    await count.begin();
    return 0;
  } catch (error) {
    return hintsOf(error).retryAfterMs ?? Number.NaN;
  }
}

async function wrongUntilRefused(count: FailureCount, timesMax = 300): Promise<number> {
  for (let times = 0; times < timesMax; times += 1) if ((await wrong(count)) > 0) return times;
  return timesMax;
}

describe("wrong passwords", () => {
  it("at login are five a minute for an e-mail from one address, and a hundred an hour for it from all", async () => {
    const { login, clock } = counts();
    let total = 0;
    for (let address = 0; address < 30; address += 1) {
      const times = await wrongUntilRefused(await login(`address-${address}`));
      expect(times).toBeLessThanOrEqual(5);
      total += times;
      clock.turn(1_000);
    }
    expect(total).toBe(100);
  });

  it("of one session are ten an hour, and none of another's", async () => {
    const { failures, clock } = counts();
    expect(await wrongUntilRefused(failures.ofSession("s-1"))).toBe(10);
    expect(await wrong(failures.ofSession("s-2"))).toBe(0);
    clock.turn(59 * MINUTE_MS);
    expect(await wrong(failures.ofSession("s-1"))).toBeGreaterThan(0);
    clock.turn(2 * MINUTE_MS);
    expect(await wrong(failures.ofSession("s-1"))).toBe(0);
  });

  it("that are refused say the true wait, that of the longest of all limits that deny", async () => {
    const { login, clock } = counts();
    const first = await login("address-0");
    await wrongUntilRefused(first);
    const waitMs = await wrong(first);
    expect(waitMs).toBe(MINUTE_MS);
    for (let address = 1; address < 20; address += 1)
      await wrongUntilRefused(await login(`address-${address}`));
    const fresh = await login("address-99");
    expect(await wrong(fresh)).toBe(60 * MINUTE_MS);
    expect(await wrong(await login("address-19"))).toBe(60 * MINUTE_MS);
    clock.turn(59 * MINUTE_MS);
    const leftMs = await wrong(await login("address-100"));
    expect(leftMs).toBe(MINUTE_MS);
    clock.turn(leftMs);
    expect(await wrong(await login("address-101"))).toBe(0);
  });
});

describe("a known device", () => {
  it("is let in where strangers are refused, and has ten failures an hour of its own; then it is a stranger", async () => {
    const { login, clock } = counts();
    for (let address = 0; address < 20; address += 1)
      await wrongUntilRefused(await login(`address-${address}`));
    expect(await wrong(await login("home"))).toBeGreaterThan(0);
    const device = await login("home", DEVICE);
    expect(await wrongUntilRefused(device)).toBe(10);
    expect(await wrong(await login("home", { ...DEVICE, deviceId: "phone" }))).toBe(0);
    clock.turn(61 * MINUTE_MS);
    expect(await wrong(device)).toBe(0);
  });

  it("that has used up its own is asked for like a stranger, who has room", async () => {
    const { login } = counts();
    expect(await wrongUntilRefused(await login("home", DEVICE))).toBe(10 + 5);
  });

  it("uses up nothing of the strangers'", async () => {
    const { login } = counts();
    for (let time = 0; time < 10; time += 1) await wrong(await login("home", DEVICE));
    expect(await wrongUntilRefused(await login("home"))).toBe(5);
  });
});

describe("what is given back", () => {
  it("doesn't count: a hundred right passwords in a row are let in", async () => {
    const { login } = counts();
    const count = await login("home");
    for (let time = 0; time < 100; time += 1) await (await count.begin()).giveBack();
    expect(await wrongUntilRefused(count)).toBe(5);
  });

  it("and couldn't be at once is tried again beside the answer", async () => {
    const { login, windows, inBackground } = counts(async () => void (windows.unreachable = false));
    const count = await login("home");
    const look = await count.begin();
    windows.unreachable = true;
    await look.giveBack();
    await inBackground();
    expect(await wrongUntilRefused(count)).toBe(5);
  });

  it("nothing is counted while the windows can't be reached, and nobody is let in", async () => {
    const { login, windows } = counts();
    windows.unreachable = true;
    const count = await login("home");
    for (let time = 0; time < 10; time += 1)
      await expect(count.begin()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    windows.unreachable = false;
    expect(await wrongUntilRefused(count)).toBe(5);
  });

  it("nothing stays counted while the windows answer too late, nor is anything given back that they denied", async () => {
    const clock = new VirtualTime();
    const windows = new MemoryWindows(clock.now);
    const late = { is: false };
    const background: Promise<unknown>[] = [];
    const failures = failureCounts({
      windowOf: windows.windowOf,
      guard: testGuard({
        now: clock.now,
        upstream: "rate-window",
        timer: { withTimeout: async (answer) => (late.is ? Promise.reject(new CallTimeoutError()) : answer) },
      }),
      scale: 1,
      now: clock.now,
      background: (work) => void background.push(work),
    });
    const inTurn = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time += 1) {
        late.is = true;
        await expect(failures.ofSession("s-1").begin()).rejects.toMatchObject({ code: "UNAVAILABLE" });
        late.is = false;
        for (const work of background.splice(0)) await work;
        clock.turn(20_000);
      }
    };
    await inTurn(12);
    expect(await wrongUntilRefused(failures.ofSession("s-1"))).toBe(10);
    clock.turn(11_000);
    await inTurn(3);
    expect(await wrong(failures.ofSession("s-1"))).toBeGreaterThan(0);
  });
});

describe("a denial", () => {
  it("is known to the isolate from then on, which asks nobody", async () => {
    const { login, windows } = counts();
    await wrongUntilRefused(await login("home"));
    const calls = windows.calls;
    for (let time = 0; time < 50; time += 1) expect(await wrong(await login("home"))).toBeGreaterThan(0);
    expect(windows.calls).toBe(calls);
  });

  it("of all addresses is known for each of them", async () => {
    const { login, windows } = counts();
    for (let address = 0; address < 21; address += 1)
      await wrongUntilRefused(await login(`address-${address}`));
    const calls = windows.calls;
    for (let address = 100; address < 200; address += 1)
      expect(await wrong(await login(`address-${address}`))).toBeGreaterThan(0);
    expect(windows.calls).toBe(calls);
  });

  it("that comes of passwords which were right after all is forgotten within ten seconds", async () => {
    const { login, isolate, clock } = counts();
    const there = isolate();
    const counted = await Promise.all(
      Array.from({ length: 5 }, async () => (await login("home", null, there)).begin()),
    );
    const here = await login("home");
    expect(await wrong(here)).toBeGreaterThan(0);
    for (const look of counted) await look.giveBack();
    clock.turn(10_000);
    expect(await wrong(here)).toBe(0);
  });
});
