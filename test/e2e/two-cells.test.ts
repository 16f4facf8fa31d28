import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { launch, type Launched } from "../../scripts/runtime/launch.ts";
import { readWorkerConfigs, type WorkerConfig } from "../../scripts/runtime/worker-configs.ts";
import type { HistoryOverview } from "../../src/contracts/history.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { filesNaming, historyFilesIn } from "../support/platforms/files-naming.ts";
import { configsOfTwoCells, type ConfigsOfTwoCells } from "../support/platforms/second-cell.ts";

/*
 * Two cells, where the second one is there by config and resources alone, as docs/deploy.md has it
 * added, and the launcher starts what it finds. The tests go on from each other, and the last look
 * into the files that the platform has left.
 */

const PASSWORD = "correct horse battery";
const LOGIN = { ADMIN_EMAIL: "operator@example.com", ADMIN_PASSWORD: "a password for operators" };
const SHARDS = 4;
const USERS = 6;
const CONTINENT = { main: "EU", us: "NA" } as const;
type Home = keyof typeof CONTINENT;
const PATIENCE = { timeout: 20_000, interval: 200 };

interface Viewer {
  readonly home: Home;
  readonly userId: string;
  readonly token: string;
  readonly email: string;
}

const state = mkdtempSync(join(tmpdir(), "playhead-cells-"));
let two: ConfigsOfTwoCells;
let platform: Launched | null = null;
let api: ApiClient;
let operator = "";
const viewers: Viewer[] = [];
const erased: Viewer[] = [];

async function start(configs: readonly WorkerConfig[], cellOf = "NA=us,*=main"): Promise<void> {
  const vars = {
    CELL_OF: cellOf,
    FLUSH_WINDOW_MS: "3600000",
    RATE_LIMIT_SCALE: "1000",
    LOG_LEVEL: "warn",
  };
  const quiet = { say: () => undefined, complain: () => undefined };
  platform = await launch(
    {
      port: 0,
      state,
      fresh: false,
      cronSeconds: null,
      vars,
      tcp: { port: null, isDefault: false },
      redis: false,
      kafka: false,
      help: false,
    },
    {
      configs,
      environment: LOGIN,
      terminal: quiet,
      onDeath: () => undefined,
      signal: new AbortController().signal,
    },
  );
  api = new ApiClient(platform.url);
  operator = (await api.signIn(LOGIN.ADMIN_EMAIL, LOGIN.ADMIN_PASSWORD)).token;
}

async function stop(): Promise<void> {
  await platform?.stop();
  platform = null;
}

async function signUp(home: Home, index: number): Promise<Viewer> {
  const email = `${home}-${index}@example.com`;
  const { status } = await api.call("POST", "/v1/account/register", {
    body: { email, password: PASSWORD },
    headers: { "x-test-continent": CONTINENT[home] },
  });
  if (status !== 201) throw new Error(`registering answered ${status}`);
  const { userId, token } = await api.signIn(email, PASSWORD);
  return { home, userId, token, email };
}

const overview = async (): Promise<HistoryOverview> =>
  (await api.call("GET", "/v1/ops/overview", { token: operator })).body["history"] as HistoryOverview;

/** Records pending in the shards of each cell. */
async function pendingOf(): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = { main: 0, us: 0 };
  for (const { cell = "main", pending } of (await overview()).shards)
    sums[cell] = (sums[cell] ?? 0) + pending;
  return sums;
}

async function flush(): Promise<void> {
  const { status, body } = await api.call("POST", "/v1/ops/history/flush", { token: operator });
  expect([status, body]).toEqual([202, { shards: 2 * SHARDS }]);
  await vi.waitFor(async () => expect(await pendingOf()).toEqual({ main: 0, us: 0 }), PATIENCE);
}

const itemOf = ({ userId }: Viewer): string => `film-of-${userId}`;

async function report(viewer: Viewer, positionMs: number): Promise<void> {
  const reports = [{ kind: "video", itemId: itemOf(viewer), positionMs, durationMs: 100_000 }];
  const { status, body } = await api.call("POST", "/v1/history/reports", {
    token: viewer.token,
    body: { reports },
  });
  expect([status, body]).toMatchObject([200, { accepted: 1, ignored: 0 }]);
}

/** What a user finds by each way to look, whole. */
async function found(viewer: Viewer): Promise<unknown> {
  const { token } = viewer;
  const lookup = { items: [{ kind: "video", itemId: itemOf(viewer) }] };
  const ways = [
    await api.call("GET", "/v1/history", { token }),
    await api.call("GET", "/v1/history/continue", { token }),
    await api.call("POST", "/v1/history/lookup", { token, body: lookup }),
  ].map(({ body }) => body);
  const { body: home } = await api.call("GET", "/v1/home", { token });
  return { ways, home: home["continue"], degraded: home["degraded"] };
}

/** Where the machine has too much to do an answer may need a second try. */
async function mustFind(viewer: Viewer, positionMs: number): Promise<void> {
  const entry = expect.objectContaining({ kind: "video", itemId: itemOf(viewer), positionMs }) as unknown;
  const page = { items: [entry] };
  const all = { ways: [page, page, page], home: [entry], degraded: [] };
  await vi.waitFor(async () => expect(await found(viewer)).toEqual(all), PATIENCE);
}

describe("two cells", () => {
  beforeAll(async () => {
    two = configsOfTwoCells();
    await start(two.configs);
    for (const home of ["main", "us"] as const)
      for (let index = 0; index < USERS; index += 1) viewers.push(await signUp(home, index));
  });

  afterAll(async () => {
    await stop();
    two.remove();
    rmSync(state, { recursive: true, force: true });
  });

  it("take reports of users of both, who find them by every way there is to look", async () => {
    for (const viewer of viewers) await report(viewer, 10_000);
    for (const viewer of viewers) await mustFind(viewer, 10_000);
    expect(await pendingOf()).toEqual({ main: USERS, us: USERS });
  });

  it("are both seen by operators, shard by shard", async () => {
    const { cells, shards, mappingVersion } = await overview();
    expect(cells).toEqual([
      { cell: "main", mappingVersion: 1, shards: SHARDS },
      { cell: "us", mappingVersion: 1, shards: SHARDS },
    ]);
    expect(mappingVersion).toBe(1);
    const numbers = [0, 1, 2, 3];
    expect(shards.map(({ cell = "main", shard }) => [cell, shard])).toEqual([
      ...numbers.map((shard) => ["main", shard]),
      ...numbers.map((shard) => ["us", shard]),
    ]);
    expect(await pendingOf()).toEqual({ main: USERS, us: USERS });
    const { body } = await api.call("GET", "/v1/ops/breakers", { token: operator });
    const upstreams = (body["breakers"] as { upstream: string }[]).map(({ upstream }) => upstream);
    expect(upstreams).toEqual(
      expect.arrayContaining(["history-db-1", "history-us-db-0", "history-us-queue"]),
    );
  });

  it("are both flushed by operators, through queues of their own", async () => {
    await flush();
    for (const viewer of viewers) await mustFind(viewer, 10_000);
    expect(await pendingOf()).toEqual({ main: 0, us: 0 });
  });

  it("forget a user for good", async () => {
    for (const home of ["main", "us"] as const) {
      const viewer = viewers.find((one) => one.home === home);
      if (viewer === undefined) throw new Error("nobody is there");
      await report(viewer, 20_000);
      const { status } = await api.call("DELETE", "/v1/account/me", {
        token: viewer.token,
        body: { password: PASSWORD },
      });
      expect(status).toBe(204);
      viewers.splice(viewers.indexOf(viewer), 1);
      erased.push(viewer);
    }
    await vi.waitFor(async () => expect(await pendingOf()).toEqual({ main: 0, us: 0 }), PATIENCE);
  });

  it("go on after another start, each from its own databases and logs", async () => {
    for (const viewer of viewers) await report(viewer, 30_000);
    await stop();
    await start(two.configs);
    for (const viewer of viewers) await mustFind(viewer, 30_000);
    expect(await pendingOf()).toEqual({ main: USERS - 1, us: USERS - 1 });
    await flush();
  });

  it("hold each user's data in their own files only, and nothing but a mark of who was erased", async () => {
    await stop();
    const files = historyFilesIn(state);
    expect(files.databases).toHaveLength(3);
    expect(files.shards.length).toBeGreaterThan(2);
    const placesOf = (home: Home, of: readonly string[]): ReadonlySet<string> => {
      const own = [...viewers, ...erased].filter((viewer) => viewer.home === home);
      return new Set(own.flatMap(({ userId }) => filesNaming(state, of, userId)));
    };
    for (const of of [files.databases, files.shards]) {
      const [main, us] = [placesOf("main", of), placesOf("us", of)];
      expect(main.intersection(us)).toEqual(new Set());
      expect([main.size > 0, us.size > 0]).toEqual([true, true]);
    }
    expect(placesOf("us", files.databases).size).toBe(1);
    for (const viewer of viewers) {
      expect(filesNaming(state, files.databases, viewer.userId)).toHaveLength(1);
      expect(filesNaming(state, files.shards, viewer.userId)).toHaveLength(1);
    }
    for (const { home, userId } of erased)
      for (const path of filesNaming(state, files.databases, userId))
        expect(placesOf(home, files.databases)).toContain(path);
  });

  it("can't become one again while somebody is at home in the other", async () => {
    await expect(start(readWorkerConfigs(), "*=main")).rejects.toThrow(/CELLS.*us/);
  });
});
