import { describe, expect, it } from "vitest";
import { InjectedError, Kernel } from "./kernel.ts";
import { NO_TROUBLE, type Trouble } from "./trouble.ts";
import { SimObject } from "./sim-object.ts";
import type { SimStorage } from "./sim-storage.ts";

const START_MS = 1_000_000;

class Notes {
  readonly #storage: SimStorage;

  constructor(storage: SimStorage) {
    this.#storage = storage;
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS note (n INTEGER); CREATE TABLE IF NOT EXISTS other (n INTEGER);",
    );
  }

  write(n: number): void {
    this.#storage.sql.exec("INSERT INTO note (n) VALUES (?)", n);
  }

  all(): unknown[] {
    return this.#storage.sql
      .exec("SELECT n FROM note ORDER BY n")
      .toArray()
      .map(({ n }) => n);
  }

  /** Writes two, and fails in between. */
  fail(isTransaction: boolean): void {
    const both = (): void => {
      this.write(1);
      throw new InjectedError("in between");
    };
    if (isTransaction) this.#storage.transactionSync(both);
    else both();
  }
}

function notes(trouble: Partial<Trouble> = {}, onAlarm = async (): Promise<void> => undefined) {
  const kernel = new Kernel(1, START_MS, () => undefined);
  kernel.trouble = { ...NO_TROUBLE, ...trouble };
  const rung: number[] = [];
  const object: SimObject<Notes> = new SimObject({
    kernel,
    name: "notes",
    now: kernel.now,
    build: ({ storage }) => new Notes(storage),
    onAlarm: async () => {
      rung.push(kernel.nowMs);
      await onAlarm();
    },
    onCrash: () => undefined,
    hasOutputGate: true,
    note: () => undefined,
  });
  /** What was answered within a while, or why not. */
  const ask = async (run: (notes: Notes) => unknown): Promise<unknown> => {
    let answer: unknown = "nothing";
    kernel.after(0, "", () => {
      object.enter(run).then(
        (value) => (answer = value),
        (error: Error) => (answer = error.message),
      );
    });
    await kernel.runUntil(kernel.nowMs + 100);
    return answer;
  };
  return { kernel, object, ask, rung };
}

describe("a simulated object", () => {
  it("answers when what it wrote is durable, and not before", async () => {
    const { kernel, object } = notes();
    const seen: string[] = [];
    kernel.after(0, "", () => {
      const answer = object.enter((instance) => {
        instance.write(1);
        seen.push(`written, volatile: ${object.storage.isVolatile}`);
      });
      void answer.then(() => seen.push(`answered, volatile: ${object.storage.isVolatile}`));
    });
    await kernel.runUntil(START_MS + 100);
    expect(seen).toEqual(["written, volatile: true", "answered, volatile: false"]);
  });

  it("loses the whole turn, its answer and its alarm in a crash before the commit, and nothing that was durable", async () => {
    const { kernel, object, ask, rung } = notes();
    await ask((instance) => instance.write(1));
    let answer = "none";
    kernel.after(0, "", () => {
      object
        .enter(async (instance) => {
          instance.write(2);
          instance.write(3);
          await object.storage.setAlarm(kernel.nowMs + 50);
        })
        .catch((error: Error) => (answer = error.message));
      // In the same moment, after the turn and before its commit.
      kernel.after(0, "", () => kernel.crash(object.process));
    });
    await kernel.runUntil(kernel.nowMs + 1_000);
    expect(answer).toBe("notes was reset");
    expect(await ask((instance) => instance.all())).toEqual([1]);
    expect(rung).toEqual([]);
  });

  it("keeps an earlier turn that is durable when a later one is lost", async () => {
    const { kernel, object, ask } = notes({ crashes: 0 });
    await ask((instance) => instance.write(1));
    for (let round = 0; round < 40; round += 1) {
      const before = (await ask((instance) => instance.all())) as number[];
      const acknowledged: number[] = [];
      for (const n of [100 + 3 * round, 101 + 3 * round, 102 + 3 * round]) {
        kernel.after(
          n % 7,
          "",
          () =>
            void object
              .enter((instance) => instance.write(n))
              .then(
                () => acknowledged.push(n),
                () => undefined,
              ),
        );
      }
      kernel.after(round % 15, "", () => kernel.crash(object.process));
      await kernel.runUntil(kernel.nowMs + 1_000);
      const after = (await ask((instance) => instance.all())) as number[];
      expect(after).toEqual(expect.arrayContaining([...before, ...acknowledged]));
    }
  });

  it("commits what a turn wrote before an exception, but not what a transaction did", async () => {
    const plain = notes();
    expect(await plain.ask((instance) => instance.fail(false))).toBe("in between");
    expect(await plain.ask((instance) => instance.all())).toEqual([1]);
    const atomic = notes();
    expect(await atomic.ask((instance) => instance.fail(true))).toBe("in between");
    expect(await atomic.ask((instance) => instance.all())).toEqual([]);
  });

  it("throws out of its storage where that is asked for, and nothing has happened then", async () => {
    const { kernel, ask } = notes();
    await ask((instance) => instance.write(1));
    kernel.trouble = { ...NO_TROUBLE, storageThrows: 1 };
    expect(await ask((instance) => instance.write(2))).toBe("sql.exec failed");
    kernel.trouble = NO_TROUBLE;
    expect(await ask((instance) => instance.all())).toEqual([1]);
  });

  it("is woken by its alarm, also after a crash, unless the alarm is lost", async () => {
    const { kernel, object, ask, rung } = notes();
    await ask(() => object.storage.setAlarm(START_MS + 5_000));
    kernel.crash(object.process);
    expect(object.storage.alarmAtMs).toBe(START_MS + 5_000);
    await kernel.runUntil(START_MS + 10_000);
    expect(rung).toHaveLength(1);
    expect(object.storage.alarmAtMs).toBe(null);
    kernel.trouble = { ...NO_TROUBLE, alarmsLost: 1 };
    await ask(() => object.storage.setAlarm(START_MS + 15_000));
    await kernel.runUntil(START_MS + 60_000);
    expect(rung).toHaveLength(1);
  });

  it("refuses calls, SQL and alarms at the spending cap, and has its alarm after it", async () => {
    const { kernel, object, ask, rung } = notes();
    const said = "Exceeded the account's spending cap for Durable Objects";
    await ask(() => object.storage.setAlarm(START_MS + 5_000));
    kernel.cap.begin(true);
    expect(await ask((instance) => instance.all())).toBe(said);
    expect(() => object.storage.sql.exec("SELECT 1")).toThrow(said);
    await expect(object.storage.setAlarm(START_MS + 6_000)).rejects.toThrow(said);
    await kernel.runUntil(START_MS + 60_000);
    expect([rung.length, kernel.cap.seen.alarms]).toEqual([0, 1]);
    kernel.cap.end();
    await kernel.runUntil(START_MS + 120_000);
    expect(rung).toHaveLength(1);
    expect(await ask((instance) => instance.all())).toEqual([]);
  });

  it("has an alarm that failed at the spending cap brought again after it, however many tries that takes", async () => {
    let isFailing = true;
    const { kernel, object, ask, rung } = notes({}, async () => {
      if (isFailing) throw new InjectedError("the next alarm was refused");
    });
    await ask(() => object.storage.setAlarm(START_MS + 5_000));
    await kernel.runUntil(START_MS + 6_000);
    kernel.cap.begin(false);
    await kernel.runUntil(START_MS + 3_600_000);
    expect([rung.length, object.willWake]).toEqual([1, true]);
    isFailing = false;
    kernel.cap.end();
    await kernel.runUntil(START_MS + 3_660_000);
    expect([rung.length, object.willWake]).toEqual([2, false]);
  });
});
