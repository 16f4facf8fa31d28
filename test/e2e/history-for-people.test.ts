import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Entry } from "../../src/contracts/history.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";
import { HistoryReplica } from "../support/platforms/history-replica.ts";

/* What people do to their history themselves, over HTTP, as docs/api.md promises it. */

let platform: E2ePlatform;
let api: ApiClient;
let people = 0;

beforeAll(async () => {
  platform = await startE2ePlatform({ FINISHED_AT: "video=0.9,*=0.95" });
  api = new ApiClient(platform.url);
});

afterAll(() => platform.stop());

const HOUR_MS = 3_600_000;
const FILM_MS = 600_000;
const named = (item: string) => {
  const [kind = "", itemId = ""] = item.split("/");
  return { kind, itemId };
};

/** Somebody new, and what they do. */
async function somebody() {
  const { token } = await api.signUp(`person-${(people += 1)}@example.com`);
  const call = (method: string, path: string, body?: unknown) =>
    api.callPatiently(method, `/v1/history${path}`, { token, ...(body === undefined ? {} : { body }) });
  /** A database that is late on a busy machine makes an answer degraded, for a moment. */
  const itemsOf = (path: string): Promise<readonly Entry[]> =>
    vi.waitFor(
      async () => {
        const { status, body } = await call("GET", path);
        if (status !== 200 || body["degraded"] === true) throw new Error(`${path} answered ${status}`);
        return body["items"] as readonly Entry[];
      },
      { timeout: 15_000, interval: 250 },
    );
  const namesOf = (entries: readonly Entry[]) => entries.map(({ kind, itemId }) => `${kind}/${itemId}`);
  return {
    token,
    call,
    /** Reports on an item; a film, half watched, if nothing else is said. */
    report: (item: string, more: object = {}, ofCall: object = {}) => {
      const half = { ...named(item), positionMs: FILM_MS / 2, durationMs: FILM_MS, deviceId: "tv" };
      return call("POST", "/reports", { reports: [{ ...half, ...more }], ...ofCall });
    },
    list: () => itemsOf("?limit=100"),
    listed: async () => namesOf(await itemsOf("?limit=100")),
    unfinished: async () => namesOf(await itemsOf("/continue?limit=100")),
    find: async (item: string): Promise<Entry | undefined> =>
      ((await call("POST", "/lookup", { items: [named(item)] })).body["items"] as readonly Entry[])[0],
  };
}

type Person = Awaited<ReturnType<typeof somebody>>;

async function exported(token: string): Promise<{ readonly response: Response; readonly lines: Entry[] }> {
  const response = await fetch(`${platform.url}/v1/history/export`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const lines = (await response.text()).split("\n");
  expect(lines.pop()).toBe("");
  return { response, lines: lines.map((line) => JSON.parse(line) as Entry) };
}

/** Everything is in the databases, and what is read is what was there before that. */
async function afterFlush(person: Person): Promise<void> {
  const before = await person.list();
  const admin = await api.signIn(platform.secrets.ADMIN_EMAIL, platform.secrets.ADMIN_PASSWORD);
  await vi.waitFor(
    async () => {
      const { body } = await api.call("GET", "/v1/ops/overview", { token: admin.token });
      const { shards } = body["history"] as { readonly shards: readonly { readonly pending: number }[] };
      expect(shards).not.toEqual([]);
      expect(shards.reduce((sum, { pending }) => sum + pending, 0)).toBe(0);
    },
    { timeout: 15_000, interval: 100 },
  );
  expect(await person.list()).toEqual(before);
}

describe("a player", () => {
  it("learns what time it is, and when to report next", async () => {
    const ada = await somebody();
    const beforeMs = Date.now();
    const { status, body } = await ada.report("video/film");
    expect([status, body]).toEqual([
      200,
      { accepted: 1, ignored: 0, nextReportMs: expect.any(Number), now: expect.any(Number) },
    ]);
    expect(body["now"]).toBeGreaterThanOrEqual(beforeMs);
    expect(body["now"]).toBeLessThanOrEqual(Date.now());
    expect(body["nextReportMs"]).toBeGreaterThanOrEqual(1_000);
  });

  it("is told which entry has won over its report, once an item, and nothing where it has won", async () => {
    const ada = await somebody();
    const at = Date.now() - 60_000;
    await ada.report("video/film", { at, positionMs: 20_000, deviceId: "phone" });
    const won = await ada.find("video/film");
    const late = (positionMs: number) => ({ ...named("video/film"), positionMs, at: at - 5_000 });
    const reports = [late(11_000), late(12_000), { ...named("video/other"), positionMs: 1 }];
    const { body } = await ada.call("POST", "/reports", { reports });
    expect(body).toMatchObject({ accepted: 3, superseded: [won] });
    expect((await ada.report("video/film", { at: at + 1 })).body).not.toHaveProperty("superseded");
  });

  it("may send the same report again: nothing changes, and nobody has won", async () => {
    const ada = await somebody();
    const at = Date.now() - 60_000;
    await ada.report("video/film", { at });
    const replica = new HistoryReplica(api, ada.token);
    await replica.pull();
    const { body } = await ada.report("video/film", { at });
    expect(body).toMatchObject({ accepted: 1 });
    expect(body).not.toHaveProperty("superseded");
    expect(await replica.pull()).toEqual([]);
  });

  it("whose clock is an hour slow is dated right by when it sends, and not at all twice", async () => {
    const ada = await somebody();
    const nowMs = Date.now();
    await ada.report("video/film", { at: nowMs - 60_000, positionMs: 20_000, deviceId: "phone" });
    const sentAt = nowMs - HOUR_MS;
    const slow = { at: sentAt - 30_000, positionMs: 40_000, deviceId: "tv" };
    expect((await ada.report("video/film", slow, { sentAt })).body).not.toHaveProperty("superseded");
    const entry = await ada.find("video/film");
    expect(entry).toMatchObject({ deviceId: "tv", positionMs: 40_000 });
    // Rounded towards the past, to whole steps of 5 s.
    const agoMs = nowMs - (entry?.watchedAt ?? 0);
    expect(agoMs).toBeGreaterThan(30_000 - 5_000);
    expect(agoMs).toBeLessThanOrEqual(35_000);
    await ada.report("video/film", slow, { sentAt: Date.now() - HOUR_MS });
    expect(await ada.find("video/film")).toEqual(entry);
  });

  it("whose clock is fast dates nothing ahead", async () => {
    const ada = await somebody();
    const sentAt = Date.now() + HOUR_MS;
    await ada.report("video/film", { at: sentAt }, { sentAt });
    const watchedAt = (await ada.find("video/film"))?.watchedAt ?? 0;
    expect(watchedAt).toBeLessThanOrEqual(Date.now());
    expect(watchedAt).toBeGreaterThan(Date.now() - 60_000);
  });
});

describe("an item", () => {
  it("is watched from its kind's share on, and continued from 10 s on until then", async () => {
    const ada = await somebody();
    await ada.report("video/seen", { positionMs: 0.9 * FILM_MS });
    await ada.report("audio/nearly", { positionMs: 0.94 * FILM_MS });
    await ada.report("video/begun", { positionMs: 9_999 });
    await ada.report("video/started", { positionMs: 10_000 });
    const watched = Object.fromEntries((await ada.list()).map(({ itemId, watched }) => [itemId, watched]));
    expect(watched).toEqual({ seen: true, nearly: false, begun: false, started: false });
    expect(await ada.unfinished()).toEqual(["video/started", "audio/nearly"]);
  });

  it("is marked as watched by hand until the next report, and so out of continue", async () => {
    const ada = await somebody();
    await ada.report("video/film");
    const { status, body } = await ada.call("PUT", "/video/film", { watched: true });
    expect([status, body]).toMatchObject([
      200,
      { ...named("video/film"), positionMs: FILM_MS / 2, watched: true },
    ]);
    expect(await ada.unfinished()).toEqual([]);
    expect(await ada.find("video/film")).toEqual(body);
    await afterFlush(ada);
    await ada.report("video/film");
    expect(await ada.unfinished()).toEqual(["video/film"]);
    expect(await ada.find("video/film")).toMatchObject({ watched: false });
  });

  it("is marked as not watched though it has ended", async () => {
    const ada = await somebody();
    await ada.report("video/film", { event: "ended" });
    expect((await ada.call("PUT", "/video/film", { watched: false })).body).toMatchObject({ watched: false });
    expect(await ada.unfinished()).toEqual(["video/film"]);
  });

  it("that nobody has seen can be marked as watched, and as nothing else", async () => {
    const ada = await somebody();
    for (const mark of [{ watched: false }, { dismissed: true }])
      expect((await ada.call("PUT", "/video/elsewhere", mark)).status).toBe(404);
    expect(await ada.listed()).toEqual([]);
    expect((await ada.call("PUT", "/video/elsewhere", { watched: true })).status).toBe(200);
    expect(await ada.list()).toMatchObject([{ ...named("video/elsewhere"), watched: true }]);
  });

  it("is dismissed from continue until the next report, and stays in the history", async () => {
    const ada = await somebody();
    await ada.report("video/film");
    expect((await ada.call("PUT", "/video/film", { dismissed: true })).body).toMatchObject({
      dismissed: true,
    });
    expect([await ada.unfinished(), await ada.listed()]).toEqual([[], ["video/film"]]);
    await afterFlush(ada);
    await ada.report("video/film");
    expect(await ada.unfinished()).toEqual(["video/film"]);
    expect(await ada.find("video/film")).not.toHaveProperty("dismissed");
  });

  it("is not marked by what was said before the newest report", async () => {
    const ada = await somebody();
    await ada.report("video/film");
    const { body } = await ada.call("PUT", "/video/film", { watched: true, at: Date.now() - HOUR_MS });
    expect(body).toMatchObject({ watched: false });
    expect(await ada.unfinished()).toEqual(["video/film"]);
  });
});

describe("what is deleted", () => {
  it("is gone at once, comes back by no late report, and does by a new one", async () => {
    const ada = await somebody();
    const at = Date.now() - 30_000;
    await ada.report("video/film", { at });
    await ada.report("video/kept", { at });
    expect((await ada.call("DELETE", "/video/film")).status).toBe(204);
    expect((await ada.call("DELETE", "/video/film")).status).toBe(204);
    await ada.report("video/film", { at: at + 1_000 });
    const gone = async () => [await ada.listed(), await ada.unfinished(), await ada.find("video/film")];
    expect(await gone()).toEqual([["video/kept"], ["video/kept"], undefined]);
    await afterFlush(ada);
    await ada.report("video/film", { at: at + 2_000 });
    expect(await gone()).toEqual([["video/kept"], ["video/kept"], undefined]);
    await ada.report("video/film", { positionMs: 15_000 });
    expect(await ada.find("video/film")).toMatchObject({ positionMs: 15_000, watched: false });
  });

  it("is nobody else's", async () => {
    const [ada, eve] = [await somebody(), await somebody()];
    await ada.report("video/film");
    expect((await eve.call("DELETE", "/video/film")).status).toBe(204);
    expect((await eve.call("DELETE", "")).status).toBe(204);
    expect(await ada.listed()).toEqual(["video/film"]);
  });

  it("is everything after a clear, whatever comes late", async () => {
    const ada = await somebody();
    const at = Date.now() - 30_000;
    for (const item of ["video/a", "audio/b", "book/c"]) await ada.report(item, { at });
    await afterFlush(ada);
    expect((await ada.call("DELETE", "")).status).toBe(204);
    expect(await ada.listed()).toEqual([]);
    await ada.report("video/a", { at: at + 1_000 });
    await ada.report("video/d", { at: at + 1_000 });
    expect(await ada.listed()).toEqual([]);
    await afterFlush(ada);
    await ada.report("video/a");
    expect(await ada.listed()).toEqual(["video/a"]);
  });
});

describe("a pause", () => {
  it("lets reports be answered and ignored, those too that tell of it later", async () => {
    const ada = await somebody();
    await ada.report("video/before");
    expect((await ada.call("GET", "/settings")).body).toEqual({ paused: false });
    expect((await ada.call("PUT", "/settings", { paused: true })).body).toEqual({ paused: true });
    const during = await ada.report("video/during");
    expect([during.status, during.body]).toMatchObject([200, { accepted: 0, ignored: 1 }]);
    const at = Date.now();
    // The pause goes on for longer than that.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await ada.call("PUT", "/settings", { paused: false });
    expect((await ada.call("GET", "/settings")).body).toEqual({ paused: false });
    expect((await ada.report("video/during", { at })).body).toMatchObject({ accepted: 0, ignored: 1 });
    await ada.report("video/after");
    expect(await ada.listed()).toEqual(["video/after", "video/before"]);
  });

  it("keeps nobody from deleting and reading what there is", async () => {
    const ada = await somebody();
    await ada.report("video/film");
    await ada.call("PUT", "/settings", { paused: true });
    expect(await ada.listed()).toEqual(["video/film"]);
    expect((await ada.call("DELETE", "/video/film")).status).toBe(204);
    expect(await ada.listed()).toEqual([]);
  });
});

describe("a device that keeps a copy", () => {
  it("has what the list has, whatever happened, and hears of nothing twice", async () => {
    const ada = await somebody();
    const replica = new HistoryReplica(api, ada.token);
    const agrees = async (limit?: number) => {
      await replica.pull(limit);
      expect(replica.entries).toEqual(await ada.list());
      expect(replica.settings).toEqual((await ada.call("GET", "/settings")).body);
      expect(await replica.pull()).toEqual([]);
    };
    await agrees();
    for (let film = 0; film < 25; film += 1) await ada.report(`video/film-${film}`);
    await agrees(10);
    expect(replica.entries).toHaveLength(25);
    await ada.report("video/film-3", { positionMs: 20_000 });
    await ada.call("DELETE", "/video/film-4");
    await ada.call("PUT", "/video/film-5", { dismissed: true });
    await ada.call("PUT", "/settings", { paused: true });
    await agrees(1);
    await ada.call("PUT", "/settings", { paused: false });
    await ada.call("DELETE", "");
    await ada.report("video/film-6");
    await agrees();
    await afterFlush(ada);
    const another = new HistoryReplica(api, ada.token);
    await another.pull();
    expect(another.entries).toEqual(replica.entries);
    expect(another.entries).toMatchObject([named("video/film-6")]);
  });

  it("is told each thing by its name", async () => {
    const ada = await somebody();
    const replica = new HistoryReplica(api, ada.token);
    await replica.pull();
    await ada.report("video/film");
    expect(await replica.pull()).toEqual([{ entry: await ada.find("video/film") }]);
    await ada.call("DELETE", "/video/film");
    expect(await replica.pull()).toEqual([
      { removed: { ...named("video/film"), at: expect.any(Number) as number } },
    ]);
    await ada.call("PUT", "/settings", { paused: true });
    expect(await replica.pull()).toEqual([{ settings: { paused: true } }]);
    await ada.call("DELETE", "");
    expect(await replica.pull()).toEqual([{ cleared: { before: expect.any(Number) as number } }]);
  });
});

describe("an export", () => {
  it("is everything, a line an entry, newest first, as it is listed", async () => {
    const ada = await somebody();
    const at = Date.now() - HOUR_MS;
    for (let batch = 0; batch < 3; batch += 1) {
      const reports = Array.from({ length: 100 }, (_, index) => ({
        ...named(`video/film-${batch}-${index}`),
        positionMs: 20_000,
        at: at + batch * 100 + index,
      }));
      expect((await ada.call("POST", "/reports", { reports })).status).toBe(200);
    }
    await ada.call("DELETE", "/video/film-0-0");
    const { response, lines } = await exported(ada.token);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(lines).toHaveLength(299);
    expect(lines.slice(0, 100)).toEqual(await ada.list());
    expect(lines.at(-1)?.itemId).toBe("film-0-1");
  });

  it("of nothing is empty", async () => {
    expect((await exported((await somebody()).token)).lines).toEqual([]);
  });
});

describe("what is asked wrongly", () => {
  let ada: Person;

  beforeAll(async () => void (ada = await somebody()));

  it.each([
    ["PUT", "/video/film", {}, ["watched"]],
    ["PUT", "/Video/film", { watched: true }, ["kind"]],
    ["DELETE", "/video/a%2Fb", undefined, ["itemId"]],
    ["PUT", "/settings", { paused: "yes" }, ["paused"]],
    ["GET", "/changes?since=%21", undefined, ["since"]],
    ["POST", "/reports", { reports: [{ ...named("video/film"), positionMs: 1 }], sentAt: 1 }, ["sentAt"]],
  ])("%s %s is refused with its path", async (method, path, body, paths) => {
    const answer = await ada.call(method, path, body);
    const errors = answer.body["errors"] as readonly { readonly path: string }[];
    expect([answer.status, errors.map(({ path }) => path)]).toEqual([422, paths]);
  });

  it.each([
    ["POST", "/video/film", "PUT, DELETE"],
    ["DELETE", "/settings", "GET, PUT, HEAD"],
    ["PUT", "/changes", "GET, HEAD"],
    ["DELETE", "/export", "GET, HEAD"],
    ["PUT", "", "GET, DELETE, HEAD"],
  ])("%s %s is no method of it", async (method, path, allow) => {
    const { status, headers } = await ada.call(method, path);
    expect([status, headers.get("allow")]).toEqual([405, allow]);
  });

  it.each(["/export", "/changes", "/settings"])("%s is nobody's without a token", async (path) => {
    expect((await api.call("GET", `/v1/history${path}`)).status).toBe(401);
  });
});
