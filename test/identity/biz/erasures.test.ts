import { CodedError } from "../../../src/contracts/errors.ts";
import { describe, expect, it } from "vitest";
import { Erasures } from "../../../src/identity/biz/erasures.ts";
import { erasureRetryMs } from "../../../src/identity/biz/lifetimes.ts";
import type { DueErasure, EraseHistory, ErasureStore, UserToErase } from "../../../src/identity/biz/ports.ts";

class MemoryErasures implements ErasureStore {
  readonly dueNow: DueErasure[] = [];
  readonly claims: { userId: string; nextAtMs: number }[] = [];
  readonly finished: string[] = [];
  readonly reasons = new Map<string, string>();
  broken = false;

  async due(_nowMs: number, limit: number) {
    return this.dueNow.slice(0, limit);
  }
  async claim({ userId }: DueErasure, _nowMs: number, nextAtMs: number) {
    if (this.broken) throw new Error("the database is away");
    this.claims.push({ userId, nextAtMs });
    return !userId.startsWith("taken");
  }
  async done(userId: string) {
    this.finished.push(userId);
  }
  readonly soonerMs: (number | undefined)[] = [];
  async failed(userId: string, reason: string, nextAtMs?: number) {
    this.reasons.set(userId, reason);
    this.soonerMs.push(nextAtMs);
  }
}

function erasuresWith(eraseHistory: EraseHistory) {
  const store = new MemoryErasures();
  const failures: string[] = [];
  const erasures = new Erasures({
    store,
    eraseHistory,
    now: () => 1_000,
    onFailure: (what) => void failures.push(what),
  });
  return { store, failures, erasures };
}

describe("an erasure", () => {
  it("that fails is written down with its reason, told once, and never thrown", async () => {
    const { store, failures, erasures } = erasuresWith(() => Promise.reject(new Error("history is away")));
    await erasures.attempt({ userId: "ada", cell: null });
    expect(store.reasons.get("ada")).toContain("history is away");
    expect(store.finished).toEqual([]);
    expect(failures).toEqual(["erase a history"]);
  });

  it("is tried by the sweep only if the turn could be taken, and the next turn is set before", async () => {
    const tried: string[] = [];
    const { store, erasures } = erasuresWith(async ({ userId }) => void tried.push(userId));
    store.dueNow.push(
      { userId: "ada", cell: null, attempts: 3 },
      { userId: "taken", cell: null, attempts: 1 },
    );
    await erasures.sweep();
    expect(tried).toEqual(["ada"]);
    expect(store.claims[0]).toEqual({ userId: "ada", nextAtMs: 1_000 + erasureRetryMs(4) });
    expect(store.finished).toEqual(["ada"]);
  });

  it("goes to the user's own cell, whenever it is tried", async () => {
    const tried: UserToErase[] = [];
    const { store, erasures } = erasuresWith(async (user) => void tried.push(user));
    await erasures.attempt({ userId: "ada", cell: "us" });
    store.dueNow.push({ userId: "eve", cell: "jp", attempts: 1 }, { userId: "bob", cell: null, attempts: 1 });
    await erasures.sweep();
    expect(tried).toEqual([
      { userId: "ada", cell: "us" },
      { userId: "eve", cell: "jp" },
      { userId: "bob", cell: null },
    ]);
  });

  it("that is refused at the spending cap is due again at the next cron, however often it was tried", async () => {
    const errors = [new CodedError("SPENDING_CAP", "erase"), new Error("history is away")];
    const { store, erasures } = erasuresWith(() => Promise.reject(errors.shift()));
    await erasures.attempt({ userId: "ada", cell: null });
    await erasures.attempt({ userId: "eve", cell: null });
    expect(store.soonerMs).toEqual([1_000 + erasureRetryMs(1), undefined]);
  });

  it("does not stop the others when it fails", async () => {
    const { store, erasures } = erasuresWith(({ userId }) =>
      userId === "u3" ? Promise.reject(new Error("no")) : Promise.resolve(),
    );
    for (let user = 0; user < 12; user += 1)
      store.dueNow.push({ userId: `u${user}`, cell: null, attempts: 1 });
    await erasures.sweep();
    expect(store.finished).toHaveLength(11);
  });

  it("does not break the sweep when its turn can't be written down", async () => {
    const { store, failures, erasures } = erasuresWith(() => Promise.resolve());
    store.dueNow.push({ userId: "ada", cell: null, attempts: 1 });
    store.broken = true;
    await erasures.sweep();
    expect(failures).toEqual(["claim an erasure"]);
  });

  it("is tried ever more rarely, but at least once an hour for ever", () => {
    const pauses = Array.from({ length: 60 }, (_, attempts) => erasureRetryMs(attempts + 1));
    expect(pauses[0]).toBe(60_000);
    expect(pauses.every((pause, index) => pause >= (pauses[index - 1] ?? 0))).toBe(true);
    expect(pauses.at(-1)).toBe(60 * 60_000);
  });
});
