import { beforeEach, describe, expect, it } from "vitest";
import { BusReader } from "../../../src/history/biz/bus-reader.ts";
import type { BusMessage, BusPlace, BusRecord } from "../../../src/history/biz/ports.ts";
import { mulberry32 } from "../../../testbed/mulberry32.ts";

/** One delivery of a message, by what it says. */
interface Delivery {
  readonly body: unknown;
  readonly attempts: number;
  readonly isDead: boolean;
}

/** A partition with a reader, a clock that a test turns, and a job that does as it is told. */
class Scene {
  nowMs = 1_000_000;
  first = 0;
  records: BusRecord[] = [];
  stored: string | null = null;
  deliveries: Delivery[] = [];
  asked: string[] = [];
  failures: string[] = [];
  isAway = false;
  fetchMax = 50;
  /** What becomes of a message: done, again after so many s, nothing is said, or the job throws. */
  job: (body: unknown, isDead: boolean) => "done" | "silent" | "throws" | number = () => "done";

  get next(): number {
    return this.first + this.records.length;
  }

  send(...bodies: readonly unknown[]): void {
    for (const body of bodies)
      this.records.push({
        offset: this.next,
        value: typeof body === "string" ? body : JSON.stringify(body),
      });
  }

  get place(): BusPlace | null {
    return this.stored === null ? null : (JSON.parse(this.stored) as BusPlace);
  }

  /** A reader that starts anew knows nothing but what is stored. */
  reader(): BusReader {
    return new BusReader({
      name: "main-0",
      partition: {
        fetch: async (offset) => {
          this.asked.push(`fetch ${offset}`);
          if (this.isAway) throw new Error("Kafka is away");
          if (offset < this.first || offset > this.next) throw new Error("out of range");
          return this.records.slice(offset - this.first, offset - this.first + this.fetchMax);
        },
        ends: async () => {
          this.asked.push("ends");
          if (this.isAway) throw new Error("Kafka is away");
          return { first: this.first, next: this.next };
        },
      },
      store: { read: () => this.place, write: (place) => void (this.stored = JSON.stringify(place)) },
      handOver: async (messages, isDead) => this.#deliver(messages, isDead),
      now: () => this.nowMs,
      onFailure: (what) => void this.failures.push(what),
    });
  }

  #deliver(messages: readonly BusMessage[], isDead: boolean): void {
    for (const message of messages) {
      const { body, attempts } = message;
      this.deliveries.push({ body, attempts, isDead });
      const outcome = this.job(body, isDead);
      if (outcome === "done") message.ack();
      else if (outcome === "throws") throw new Error("the job died");
      else if (outcome !== "silent") message.retry({ delaySeconds: outcome });
    }
  }

  bodies(): readonly unknown[] {
    return this.deliveries.map(({ body }) => body);
  }
}

let scene: Scene;

beforeEach(() => {
  scene = new Scene();
});

describe("a reader of a partition", () => {
  it("hands over all there is in order, stores its place, and wants to run no more", async () => {
    scene.send(...Array.from({ length: 45 }, (_, number) => ({ number })));
    expect(await scene.reader().run()).toBeNull();
    expect(scene.bodies()).toEqual(Array.from({ length: 45 }, (_, number) => ({ number })));
    expect(scene.place).toEqual({ nextOffset: 45, late: [] });
    scene.send({ number: 45 });
    expect(await scene.reader().run()).toBeNull();
    expect(scene.bodies()).toHaveLength(46);
  });

  it("begins at the beginning of what is there", async () => {
    scene.first = 7;
    scene.send({ number: 7 });
    await scene.reader().run();
    expect(scene.place?.nextOffset).toBe(8);
  });

  // I48
  it("moves its place only behind what is done: whoever dies in the middle hands it over again", async () => {
    scene.send({ number: 0 }, { number: 1 });
    const reader = scene.reader();
    scene.job = () => {
      expect(scene.place).toBeNull();
      return "done";
    };
    await reader.run();
    expect(scene.place?.nextOffset).toBe(2);
    scene.stored = null;
    scene.job = () => "done";
    await scene.reader().run();
    expect(scene.bodies()).toEqual([{ number: 0 }, { number: 1 }, { number: 0 }, { number: 1 }]);
  });

  // I49
  it("goes on past a message that can't be done, tries that again by itself, and counts it in the end", async () => {
    scene.job = (body, isDead) => ((body as { bad?: boolean }).bad === true && !isDead ? 4 : "done");
    scene.send({ number: 0 }, { bad: true }, { number: 2 });
    let nextAtMs = await scene.reader().run();
    expect(scene.bodies()).toEqual([{ number: 0 }, { bad: true }, { number: 2 }]);
    expect(nextAtMs).toBe(scene.nowMs + 4_000);
    let runs = 0;
    while (nextAtMs !== null && runs < 20) {
      scene.send({ number: 10 + runs });
      scene.nowMs = nextAtMs;
      nextAtMs = await scene.reader().run();
      runs += 1;
    }
    const bad = scene.deliveries.filter(({ body }) => (body as { bad?: boolean }).bad === true);
    expect(bad.map(({ attempts }) => attempts)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(bad.map(({ isDead }) => isDead)).toEqual([false, false, false, false, false, false, true]);
    expect(scene.place).toEqual({ nextOffset: 3 + runs, late: [] });
  });

  it("takes for not done what the job says nothing of, and all of a batch in which it died", async () => {
    scene.send({ number: 0 }, { number: 1 }, { number: 2 });
    scene.job = (body) => ((body as { number: number }).number === 1 ? "throws" : "done");
    const atMs = await scene.reader().run();
    expect(scene.place?.late.map(({ offset }) => offset)).toEqual([1, 2]);
    expect(scene.failures).toEqual(["hand messages of the bus over"]);
    scene.nowMs = atMs ?? 0;
    scene.job = () => "silent";
    await scene.reader().run();
    expect(scene.place?.late.map(({ attempts }) => attempts)).toEqual([3, 3]);
  });

  it("reads no further while too many come again, and has no more of them than fit one row", async () => {
    scene.job = () => 30;
    scene.send(...Array.from({ length: 500 }, (_, number) => ({ number })));
    await scene.reader().run();
    const held = scene.place;
    expect(held?.late.length).toBeGreaterThan(180);
    expect(held?.late.length).toBeLessThanOrEqual(200);
    expect(scene.stored?.length).toBeLessThan(20_000);
    scene.nowMs += 1_000;
    await scene.reader().run();
    expect(scene.place).toEqual(held);
    scene.job = () => "done";
    scene.nowMs += 30_000;
    expect(await scene.reader().run()).toBeNull();
    expect(scene.place).toEqual({ nextOffset: 500, late: [] });
    const counts = Map.groupBy(scene.bodies(), (body) => (body as { number: number }).number);
    expect(counts.size).toBe(500);
  });

  it("hands over what is no JSON as what it is, for whoever notes what can't be read", async () => {
    scene.send("{not json", { number: 1 });
    await scene.reader().run();
    expect(scene.bodies()).toEqual(["{not json", { number: 1 }]);
  });

  it("throws while Kafka is away, and goes on from where it was", async () => {
    scene.send({ number: 0 });
    await scene.reader().run();
    scene.send({ number: 1 });
    scene.isAway = true;
    await expect(scene.reader().run()).rejects.toThrow("Kafka is away");
    scene.isAway = false;
    await scene.reader().run();
    expect(scene.bodies()).toEqual([{ number: 0 }, { number: 1 }]);
  });

  it.each([
    ["of which the next messages are gone", 30],
    ["that was made anew", 0],
  ])("begins anew in a partition %s, and says so", async (_what, first) => {
    scene.send(...Array.from({ length: 20 }, (_, number) => ({ number })));
    scene.job = (body) => ((body as { number: number }).number === 3 ? 1 : "done");
    await scene.reader().run();
    scene.first = first;
    scene.records = [];
    scene.send({ number: "new" });
    scene.nowMs += 5_000;
    scene.deliveries = [];
    expect(await scene.reader().run()).toBeNull();
    expect(scene.bodies()).toEqual([{ number: "new" }]);
    expect(scene.failures).toContain("find the place in the bus");
  });

  it("asks once for what is there and once for the end where nothing is", async () => {
    scene.send({ number: 0 });
    await scene.reader().run();
    scene.asked = [];
    expect(await scene.reader().run()).toBeNull();
    expect(scene.asked).toEqual(["fetch 1", "ends"]);
  });

  it("says how many messages are not done, those that come again among them", async () => {
    scene.send({ number: 0 }, { number: 1 }, { number: 2 });
    expect(await scene.reader().lag()).toEqual({ lag: 3, late: 0 });
    scene.job = (body) => ((body as { number: number }).number === 1 ? 9 : "done");
    await scene.reader().run();
    scene.send({ number: 3 });
    expect(await scene.reader().lag()).toEqual({ lag: 2, late: 1 });
  });

  it("stops after a while though there is more, and wants to go on at once", async () => {
    scene.fetchMax = 20;
    scene.send(...Array.from({ length: 100 }, (_, number) => ({ number })));
    scene.job = () => {
      scene.nowMs += 500;
      return "done";
    };
    expect(await scene.reader().run()).toBe(scene.nowMs);
    expect(scene.place?.nextOffset).toBe(40);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    "has each message done or counted, whatever fails and whenever it dies (%i)",
    async (seed) => {
      const random = mulberry32(seed);
      const done = new Set<unknown>();
      scene.job = (body, isDead) => {
        const dice = random();
        if (dice < 0.1) return "throws";
        if (dice < 0.2) return "silent";
        if (dice < 0.4 && !isDead) return Math.ceil(random() * 60);
        done.add((body as { number: number }).number);
        return "done";
      };
      let sent = 0;
      for (let round = 0; round < 300; round += 1) {
        for (let count = Math.floor(random() * 8); count > 0; count -= 1) {
          scene.send({ number: sent });
          sent += 1;
        }
        scene.isAway = random() < 0.2;
        scene.fetchMax = 1 + Math.floor(random() * 40);
        const before = scene.stored;
        await scene
          .reader()
          .run()
          .catch(() => null);
        // The object dies before its last write is durable.
        if (random() < 0.2) scene.stored = before;
        scene.nowMs += Math.floor(random() * 20_000);
      }
      scene.isAway = false;
      for (let count = 0; count < 100; count += 1) {
        const atMs = await scene.reader().run();
        if (atMs === null) break;
        scene.nowMs = Math.max(scene.nowMs, atMs);
      }
      expect(scene.place).toEqual({ nextOffset: sent, late: [] });
      expect(done.size).toBe(sent);
    },
  );
});
