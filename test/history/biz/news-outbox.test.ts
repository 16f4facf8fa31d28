import { expect, it, vi } from "vitest";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import { Listeners, STALE_MS } from "../../../src/history/biz/listeners.ts";
import { NewsOutbox } from "../../../src/history/biz/news-outbox.ts";

/** One that keeps nothing, and can be made to fail. */
const memoryStore = () => ({
  all: () => [],
  put: vi.fn<() => void>(),
  remove: vi.fn<() => void>(),
  removeJoinedBefore: vi.fn<() => void>(),
});

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

it("what came while a call was under way is told also where it can't be noted what that has told", async () => {
  const store = memoryStore();
  const listeners = new Listeners({ store, now: () => 1 });
  const calls: { readonly news: readonly UserNews[]; readonly answer: (gone: string[]) => void }[] = [];
  const failures: string[] = [];
  const outbox = new NewsOutbox({
    listeners,
    newsOf: (userId, { fromRev }) => ({ userId, behind: `${fromRev}` }),
    tell: (_, news) => new Promise((answer) => void calls.push({ news, answer })),
    now: () => 1,
    onFailed: () => undefined,
    onBackgroundFailure: (what) => void failures.push(what),
  });
  listeners.join("shard-0", { userId: "ada", sockets: 1, version: 1 });
  outbox.state("ada", 5);
  await turns();
  outbox.beforeConfirmed(["ada"]);
  outbox.state("ada", 9);
  store.put.mockImplementation(() => {
    throw new Error("the disk is full");
  });
  calls[0]?.answer([]);
  await turns();
  expect(failures).toEqual(["note what was told"]);
  expect(calls.map(({ news }) => news)).toEqual([
    [{ userId: "ada", behind: "4" }],
    [{ userId: "ada", behind: "8" }],
  ]);
});

it("what a call was to tell others isn't lost where one who must be gone can't be forgotten", async () => {
  const store = memoryStore();
  let nowMs = 1;
  let isAway = true;
  const listeners = new Listeners({ store, now: () => nowMs });
  const told: string[] = [];
  const outbox = new NewsOutbox({
    listeners,
    newsOf: (userId, { fromRev }) => ({ userId, behind: `${fromRev}` }),
    tell: async (_, news) => {
      if (isAway) throw new Error("away");
      told.push(...news.map(({ userId }) => userId));
      return [];
    },
    now: () => nowMs,
    onFailed: () => undefined,
    onBackgroundFailure: () => undefined,
  });
  listeners.join("shard-0", { userId: "ada", sockets: 1, version: 1 });
  nowMs += STALE_MS + 1;
  listeners.join("shard-0", { userId: "bob", sockets: 1, version: 1 });
  outbox.state("ada", 5);
  outbox.state("bob", 6);
  store.remove.mockImplementation(() => {
    throw new Error("the disk is full");
  });
  for (let failures = 0; failures < 70; failures += 1) {
    await turns();
    nowMs += 60_000;
    outbox.sendDue();
  }
  await turns();
  isAway = false;
  nowMs += 60_000;
  outbox.sendDue();
  await turns();
  expect(told).toContain("bob");
});
