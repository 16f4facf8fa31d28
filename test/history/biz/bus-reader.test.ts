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
  /** What is there if the object dies now. */
  durable: string | null = null;
  deliveries: Delivery[] = [];
  asked: string[] = [];
  failures: string[] = [];
  isAway = false;
  isGone: boolean | null = false;
  /** From this offset on nothing can be fetched but from later ones. */
  unreadable: number | null = null;
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
          if (this.isAway || offset === this.unreadable) throw new Error("Kafka is away");
          if (offset < this.first || offset > this.next) throw new Error("out of range");
          return this.records.slice(offset - this.first, offset - this.first + this.fetchMax);
        },
        ends: async () => {
          this.asked.push("ends");
          if (this.isAway) throw new Error("Kafka is away");
          return { first: this.first, next: this.next };
        },
        isGone: async () => {
          if (this.isGone === null) throw new Error("nobody knows");
          return this.isGone;
        },
      },
      store: {
        read: () => this.place,
        write: (place) => void (this.stored = JSON.stringify(place)),
        sync: async () => void (this.durable = this.stored),
      },
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

  // I49
  it("reads on however many come again, and gives up those tried most often beyond what fits a row", async () => {
    const isBad = (body: unknown): boolean => (body as { number: number }).number < 500;
    scene.job = (body, isDead) => (isBad(body) && !isDead ? 30 : "done");
    scene.send(...Array.from({ length: 180 }, (_, number) => ({ number })));
    await scene.reader().run();
    scene.nowMs += 30_000;
    await scene.reader().run();
    scene.send(...Array.from({ length: 330 }, (_, number) => ({ number: 180 + number })));
    await scene.reader().run();
    expect(scene.place?.nextOffset).toBe(510);
    const done = scene.bodies().filter((body) => !isBad(body));
    expect(done).toHaveLength(10);
    expect(scene.place?.late).toHaveLength(200);
    expect(new Set(scene.place?.late.map(({ attempts }) => attempts))).toEqual(new Set([2]));
    expect(scene.stored?.length).toBeLessThan(20_000);
    expect(scene.failures).toContain("keep what comes again");
    expect(scene.failures).not.toContain("find the place in the bus");
  });

  // I49
  it("gives up, and says so, what can't even be counted for hours, and is held up by none of it", async () => {
    scene.job = (body) => ((body as { bad?: boolean }).bad === true ? 600 : "done");
    scene.send({ bad: true });
    let runs = 0;
    for (let atMs = await scene.reader().run(); atMs !== null && runs < 50; runs += 1) {
      scene.nowMs = atMs;
      scene.send({ number: runs });
      atMs = await scene.reader().run();
      expect(scene.bodies()).toContainEqual({ number: runs });
    }
    const tries = scene.deliveries.filter(({ body }) => (body as { bad?: boolean }).bad === true);
    expect(tries.map(({ isDead }) => isDead)).toEqual([...Array(6).fill(false), ...Array(11).fill(true)]);
    expect(scene.place?.late).toEqual([]);
    expect(scene.failures).toEqual(["keep what comes again"]);
  });

  // I49
  it("is held up by no message that can't be fetched again", async () => {
    scene.job = (body) => ((body as { number: number }).number === 0 ? 1 : "done");
    scene.send({ number: 0 });
    await scene.reader().run();
    scene.unreadable = 0;
    scene.send({ number: 1 });
    scene.nowMs += 2_000;
    const atMs = await scene.reader().run();
    expect(scene.bodies()).toEqual([{ number: 0 }, { number: 1 }]);
    expect(atMs).toBe(scene.nowMs + 15_000);
    expect(scene.failures).toEqual(["read messages that come again"]);
  });

  it("tries nothing in vain, and counts no try, while Kafka is away", async () => {
    scene.job = () => 1;
    scene.send({ number: 0 });
    await scene.reader().run();
    const held = scene.place;
    scene.isAway = true;
    for (let count = 0; count < 20; count += 1) {
      scene.nowMs += 15_000;
      await expect(scene.reader().run()).rejects.toThrow("Kafka is away");
    }
    expect(scene.place).toEqual(held);
  });

  // I49
  it("gets past a message that kills whoever tries it, and its neighbours are done", async () => {
    scene.send({ number: 0 }, { number: 1 }, { kills: true }, { number: 3 }, { number: 4 });
    let isDead = false;
    scene.job = (body) => {
      if ((body as { kills?: boolean }).kills === true) isDead = true;
      return isDead ? "silent" : "done";
    };
    let nextAtMs: number | null = 0;
    let lives = 0;
    for (let isBroughtAgain = false; nextAtMs !== null && lives < 40; lives += 1) {
      isDead = false;
      nextAtMs = await scene.reader().run(isBroughtAgain);
      isBroughtAgain = isDead;
      // What it has written since it was killed never was.
      if (isDead) scene.stored = scene.durable;
      else scene.durable = scene.stored;
      scene.nowMs = Math.max(scene.nowMs + 2_000, nextAtMs ?? 0);
    }
    expect(nextAtMs).toBeNull();
    expect(scene.place).toEqual({ nextOffset: 5, late: [] });
    const done = new Set(scene.bodies().map((body) => (body as { number?: number }).number));
    expect([...done].filter((number) => number !== undefined)).toEqual([0, 1, 3, 4]);
    expect(new Set(scene.failures)).toEqual(new Set(["keep what comes again"]));
  });

  // I49
  it("reads new messages first, then those tried least, where one may kill whoever tries it", async () => {
    scene.job = (body) => ((body as { number: number }).number === 2 ? "done" : 2);
    scene.send({ number: 0 });
    await scene.reader().run();
    scene.nowMs += 2_000;
    await scene.reader().run();
    scene.send({ number: 1 });
    await scene.reader().run();
    scene.send({ number: 2 });
    scene.nowMs += 2_000;
    scene.deliveries = [];
    await scene.reader().run(true);
    expect(scene.bodies()).toEqual([{ number: 2 }, { number: 1 }, { number: 0 }]);
  });

  it("waits for nothing that a clock which was ahead has put off by more than anybody asks for", async () => {
    scene.job = (body) => ((body as { number: number }).number === 0 ? 60 : "done");
    scene.send({ number: 0 });
    scene.nowMs += 30 * 86_400_000;
    await scene.reader().run();
    scene.nowMs -= 30 * 86_400_000;
    scene.job = () => "done";
    expect(await scene.reader().run()).toBeNull();
    expect(scene.place?.late).toEqual([]);
  });

  it("wants to run no more where its partition is gone, and says so", async () => {
    scene.send({ number: 0 });
    await scene.reader().run();
    [scene.isAway, scene.isGone] = [true, true];
    expect(await scene.reader().run()).toBeNull();
    expect(scene.failures).toEqual(["read a partition that is gone"]);
  });

  it.each([false, null])("throws where it is not, or nobody knows: %s", async (isGone) => {
    [scene.isAway, scene.isGone] = [true, isGone];
    await expect(scene.reader().run()).rejects.toThrow("Kafka is away");
  });

  it("parses nothing that is larger than any message of ours", async () => {
    const large = `["${"x".repeat(300_000)}"]`;
    scene.send(large, { number: 1 });
    await scene.reader().run();
    expect(scene.bodies()).toEqual([large, { number: 1 }]);
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

  it.each([
    ["was made anew", 0],
    ["has lost what comes next", 30],
  ])("says of a partition that %s that all of it is not done", async (_what, first) => {
    scene.send(...Array.from({ length: 20 }, (_, number) => ({ number })));
    scene.job = (body) => ((body as { number: number }).number === 3 ? 9 : "done");
    await scene.reader().run();
    [scene.first, scene.records] = [first, []];
    scene.send({ number: 0 }, { number: 1 });
    expect(await scene.reader().lag()).toEqual({ lag: 2, late: 0 });
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

  it("stops as soon within what one fetch has brought, and at all where the clock goes back", async () => {
    scene.fetchMax = 1_000;
    scene.send(...Array.from({ length: 1_000 }, (_, number) => ({ number })));
    scene.job = () => {
      scene.nowMs += 500;
      return "done";
    };
    expect(await scene.reader().run()).toBe(scene.nowMs);
    expect(scene.place?.nextOffset).toBe(40);
    scene.job = () => {
      scene.nowMs -= 500;
      scene.send({ number: "and on" });
      return "done";
    };
    expect(await scene.reader().run()).toBe(scene.nowMs);
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
