import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { BusPuller } from "../../../src/history/biz/bus-puller.ts";
import { pullerName, pullerNamed } from "../../../src/history/biz/puller-name.ts";

const NOW_MS = 1_000_000;

/** A puller whose reader does as it is told, with the alarm as the platform keeps it. */
function scene(run: () => Promise<number | null> = async () => null, hasBus = true) {
  const state = {
    armedAtMs: null as number | null,
    sets: 0,
    runs: 0,
    told: [] as string[],
    isAway: false,
    careful: [] as boolean[],
  };
  const puller = new BusPuller({
    cell: "us",
    partition: 3,
    reader: hasBus
      ? {
          run: (isCareful) => {
            state.runs += 1;
            state.careful.push(isCareful ?? false);
            return run();
          },
          lag: async () => {
            if (state.isAway) throw new Error("Kafka is away");
            return { lag: 5, late: 1 };
          },
          late: 2,
        }
      : null,
    alarm: {
      at: async () => state.armedAtMs,
      set: async (atMs) => {
        state.armedAtMs = atMs;
        state.sets += 1;
      },
    },
    now: () => NOW_MS,
    onBackgroundFailure: (what) => void state.told.push(what),
  });
  const ring = async (isBroughtAgain = false): Promise<void> => {
    state.armedAtMs = null;
    await puller.onAlarm(isBroughtAgain);
  };
  return { state, puller, ring };
}

describe("a puller", () => {
  it("reads when it is woken, and sleeps without an alarm where nothing is left", async () => {
    const { state, puller, ring } = scene();
    await puller.wake();
    expect(state.armedAtMs).toBe(NOW_MS);
    await ring();
    expect([state.runs, state.armedAtMs]).toEqual([1, null]);
  });

  it("sets one alarm however often it is woken, an earlier one where a message comes again later, a new one where it was lost", async () => {
    const { state, puller } = scene();
    for (let count = 0; count < 5; count += 1) await puller.wake();
    expect(state.sets).toBe(1);
    state.armedAtMs = NOW_MS + 60_000;
    await puller.wake();
    expect(state.armedAtMs).toBe(NOW_MS);
    state.armedAtMs = NOW_MS - 60_000;
    await puller.wake();
    expect(state.armedAtMs).toBe(NOW_MS);
  });

  it("runs again when its reader wants to, sooner where it was woken meanwhile", async () => {
    const later = scene(async () => NOW_MS + 4_000);
    await later.ring();
    expect(later.state.armedAtMs).toBe(NOW_MS + 4_000);
    const woken = scene(async () => {
      await woken.puller.wake();
      return NOW_MS + 4_000;
    });
    await woken.ring();
    expect(woken.state.armedAtMs).toBe(NOW_MS);
  });

  it("reads with care when its alarm is brought again: whoever heard it first has died", async () => {
    const { state, ring } = scene();
    await ring();
    await ring(true);
    expect(state.careful).toEqual([false, true]);
  });

  it("never throws while Kafka is away, and tries again; at the spending cap more seldom", async () => {
    const away = scene(() => Promise.reject(new Error("Kafka is away")));
    await away.ring();
    expect([away.state.armedAtMs, away.state.told]).toEqual([NOW_MS + 15_000, ["read the bus"]]);
    const capped = scene(() => Promise.reject(new CodedError("SPENDING_CAP", "no more")));
    await capped.ring();
    expect(capped.state.armedAtMs).toBe(NOW_MS + 60_000);
  });

  it("does nothing, and wants nothing, where Kafka is not the bus", async () => {
    const { state, puller, ring } = scene(undefined, false);
    await puller.wake();
    await ring();
    expect([state.sets, state.runs]).toEqual([0, 0]);
    expect(await puller.status()).toEqual({ cell: "us", partition: 3, lag: null, late: 0 });
  });

  it("says how far it is, and what it knows while Kafka is away", async () => {
    const { state, puller } = scene();
    expect(await puller.status()).toEqual({ cell: "us", partition: 3, lag: 5, late: 1 });
    state.isAway = true;
    expect(await puller.status()).toEqual({ cell: "us", partition: 3, lag: null, late: 2 });
  });
});

describe("a puller's name", () => {
  it("says which partition of which cell it reads", () => {
    for (const place of [
      { cell: "main", partition: 0 },
      { cell: "us", partition: 999 },
    ])
      expect(pullerNamed(pullerName(place))).toEqual(place);
  });

  it.each(["", "main", "main-", "main-1000", "main-01", "-1", "Main-1", "main-1-2"])("is not %j", (name) =>
    expect(pullerNamed(name)).toBeNull(),
  );
});
