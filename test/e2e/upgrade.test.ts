import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import type { Entry, HistoryOverview } from "../../src/contracts/history.ts";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";
import type { PrivateKeyJwk } from "../../src/platform/jwk.ts";
import { KEPT_RELEASES, RELEASE_BEFORE } from "../fixtures/kept-releases.ts";
import { unpackState, type UnpackedState } from "../fixtures/unpack-state.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { d1HistoryRows, historyRowsOnDisk, stateOf } from "../support/platforms/d1-history-rows.ts";
import { startPlatformOn } from "../support/platforms/e2e-platform.ts";
import { KeptViewer, nameOf } from "../support/platforms/kept-viewer.ts";

/*
 * Platforms of earlier releases were killed amid their work, and this is what they left on their
 * disks (test/fixtures/make-state.ts). Whoever changes what is stored, or how it is read, must
 * still find all of it. The tests go on from each other, as the life of such a platform does.
 */

/** Users who had been erased, of each release. */
const ERASED = 2;
/** Shards, and users whose sessions had been refreshed and ended, by release. */
const LEFT = {
  "state-0.1": { shards: 16, sessions: 0 },
  "release-before-cells": { shards: 16, sessions: 2 },
  "release-before-deletes": { shards: 4, sessions: 2 },
} as const satisfies Readonly<Record<(typeof KEPT_RELEASES)[number], object>>;
/**
 * What the platform is told at its first start leaves the shards when an operator says so. What it
 * left in them is older by now than any window. The seed of shards is another than then: how many
 * there are is known from D1 alone.
 */
const VARS = { FLUSH_WINDOW_MS: "3600000", HISTORY_SHARDS: "8" };
const PATIENCE = { timeout: 20_000, interval: 100 };

let kept: UnpackedState;
let storedBefore: ReturnType<typeof historyRowsOnDisk>;
let platform: RunningPlatform;
let api: ApiClient;
let operator: string;
let viewers: readonly KeptViewer[] = [];

async function start(): Promise<void> {
  platform = await startPlatformOn({ ...kept, vars: VARS });
  api = new ApiClient(platform.url);
  operator = (await api.signIn(kept.secrets.ADMIN_EMAIL, kept.secrets.ADMIN_PASSWORD)).token;
  for (const viewer of viewers) await viewer.signIn(api);
}

const byOperator = (method: string, path: string) => api.call(method, path, { token: operator });
const refresh = (refreshToken: unknown) =>
  api.call("POST", "/v1/account/refresh", { body: { refreshToken } });

async function shards(): Promise<HistoryOverview["shards"]> {
  const { history } = (await byOperator("GET", "/v1/ops/overview")).body as {
    readonly history: HistoryOverview;
  };
  return history.shards;
}

async function pendingRecords(): Promise<number> {
  return (await shards()).reduce((sum, { pending }) => sum + pending, 0);
}

/** Asks the history past the gateway, as someone who can't sign in. */
async function listAs(userId: string): Promise<readonly Entry[]> {
  const mint = internalTokenMinter(JSON.parse(kept.secrets.GATEWAY_SIGNING_KEY) as PrivateKeyJwk, Date.now);
  const bff = await platform.miniflare.getWorker("playhead-app-bff");
  const token = await mint({ userId, sessionId: "s-1", roles: ["user"] }, "playhead-app-bff");
  const answer = await bff.fetch("https://bff.internal/v1/history", {
    headers: { "x-internal-token": token },
  });
  if (answer.status !== 200) throw new Error(`a list answered ${answer.status}`);
  return ((await answer.json()) as { readonly items: readonly Entry[] }).items;
}

/** Whoever comes from further back: in `npm run test:long`. */
const RELEASES = process.env["OLD_RELEASES"] === "all" ? KEPT_RELEASES : [RELEASE_BEFORE];

describe.each(RELEASES)("what %s has left:", (fixture) => {
  beforeAll(async () => {
    kept = unpackState(fixture);
    storedBefore = historyRowsOnDisk(kept.state);
    viewers = kept.manifest.users.map((user) => new KeptViewer(user));
    await start();
  });

  afterAll(async () => {
    await platform.stop();
    kept.remove();
    viewers = [];
  });

  describe("a history that an earlier release was killed with", () => {
    it("is spread over as many shards as before", async () => {
      expect(await shards()).toHaveLength(LEFT[fixture].shards);
    });

    it("is found whole, though part of it is in the shards' logs only", async () => {
      let [inLogs, inD1] = [0, 0];
      for (const viewer of viewers) {
        const { pending, userId } = viewer.user;
        const stored = storedBefore.get(userId);
        const inLog = viewer.kept.filter((entry) => pending.includes(nameOf(entry)));
        expect(inLog.filter((entry) => stored?.get(nameOf(entry)) === stateOf(entry))).toEqual([]);
        inLogs += inLog.length;
        inD1 += stored?.size ?? 0;
        expect(await viewer.finds()).toEqual(viewer.mustFind());
      }
      expect([inLogs > 100, inD1 > 100]).toEqual([true, true]);
    });

    it("takes new reports on its items, which win unless they are older", async () => {
      const latest = viewers.map((viewer) => [viewer.latestOf("log"), viewer.latestOf("D1")]);
      expect(latest.some(([inLog, inD1]) => inLog !== undefined && inD1 !== undefined)).toBe(true);
      for (const [number, viewer] of viewers.entries()) {
        for (const known of latest[number]?.filter((entry) => entry !== undefined) ?? []) {
          const { kind, itemId, watchedAt } = known;
          await viewer.history.report({ kind, itemId, positionMs: 777_000 });
          await viewer.history.report({ kind, itemId, positionMs: 1, at: watchedAt - 1 });
          const found = await viewer.history.lookUp([known]);
          expect(found).toEqual([
            {
              kind,
              itemId,
              positionMs: 777_000,
              event: "playing",
              watchedAt: expect.any(Number),
              watched: false,
            },
          ]);
          for (const entry of found) viewer.wasTold(entry);
        }
        expect(await viewer.finds()).toEqual(viewer.mustFind());
      }
    });

    it("reaches the database of each user when an operator flushes, and is found there", async () => {
      expect(await pendingRecords()).toBeGreaterThan(0);
      expect((await byOperator("POST", "/v1/ops/history/flush")).status).toBe(202);
      await vi.waitFor(async () => expect(await pendingRecords()).toBe(0), PATIENCE);
      const rows = await d1HistoryRows(platform);
      for (const viewer of viewers) {
        const { database, userId } = viewer.user;
        const own = rows[database]?.get(userId);
        expect(viewer.kept.filter((entry) => own?.get(nameOf(entry)) !== stateOf(entry))).toEqual([]);
        expect(rows[1 - database]?.has(userId)).toBe(false);
        expect(await viewer.finds()).toEqual(viewer.mustFind());
      }
    });

    it("is found again after the next start, by what was written on top of the old logs", async () => {
      await platform.stop();
      await start();
      for (const viewer of viewers) expect(await viewer.finds()).toEqual(viewer.mustFind());
    });

    it("has nothing of those who were erased, though a log still held their reports", async () => {
      const [somebody] = viewers;
      expect(await listAs(somebody?.user.userId ?? "")).not.toEqual([]);
      const rows = await d1HistoryRows(platform);
      expect(kept.manifest.erased).toHaveLength(ERASED);
      for (const { userId, email, password, refreshTokens } of kept.manifest.erased) {
        expect(await listAs(userId)).toEqual([]);
        expect(rows.map((database) => database.has(userId))).toEqual([false, false]);
        expect((await api.call("POST", "/v1/account/login", { body: { email, password } })).status).toBe(401);
        for (const refreshToken of refreshTokens) expect((await refresh(refreshToken)).status).toBe(401);
      }
    });
  });

  describe("sessions of an earlier release", () => {
    it("that were refreshed go on, and end whole where a token of theirs comes back that was spent", async () => {
      const sessions = kept.manifest.users.flatMap((user) => user.sessions ?? []);
      expect(sessions).toHaveLength(LEFT[fixture].sessions);
      for (const { refreshed, ended } of sessions) {
        for (const refreshToken of ended) expect((await refresh(refreshToken)).status).toBe(401);
        for (const { spent, live } of refreshed) {
          const { status, body } = await refresh(live);
          expect(status).toBe(200);
          for (const refreshToken of spent) expect((await refresh(refreshToken)).status).toBe(401);
          expect((await refresh(body["refreshToken"])).status).toBe(401);
        }
      }
    });

    it("go on with the refresh tokens their clients have, each of which has one successor", async () => {
      for (const { userId, refreshTokens } of kept.manifest.users) {
        expect(refreshTokens).toHaveLength(2);
        for (const refreshToken of refreshTokens) {
          const { status, body } = await refresh(refreshToken);
          expect([status, body["userId"]]).toEqual([200, userId]);
          expect(
            (await api.call("GET", "/v1/account/me", { token: String(body["accessToken"]) })).body["userId"],
          ).toBe(userId);
          const next = body["refreshToken"];
          expect(next).toMatch(/^v1\./);
          expect((await refresh(refreshToken)).body["refreshToken"]).toBe(next);
          expect((await refresh(next)).status).toBe(200);
          expect((await refresh(refreshToken)).status).toBe(401);
        }
      }
    });

    it("are signed with the keys that were published before", async () => {
      expect((await api.call("GET", "/.well-known/jwks.json")).body["keys"]).toEqual(kept.manifest.keys);
    });
  });

  describe("money of an earlier release", () => {
    it("is there: what was under way arrives, what was parked is parked, and the books balance", async () => {
      let parked = 0;
      for (const { user, token } of viewers) {
        const waiting = user.transfers
          .filter(({ status }) => status === "pending")
          .reduce((sum, { amount }) => sum + amount, 0);
        parked += user.inFlight - waiting;
        const expected = {
          wallet: { balance: user.wallet },
          savings: { balance: user.savings + waiting },
          inFlight: user.inFlight - waiting,
        };
        await vi.waitFor(
          async () => expect((await api.call("GET", "/v1/wallet", { token })).body).toEqual(expected),
          PATIENCE,
        );
        for (const { transferId, status, amount, from } of user.transfers) {
          const { body } = await api.call("GET", `/v1/transfers/${transferId}`, { token });
          expect(body).toMatchObject({ status: status === "pending" ? "settled" : status, amount, from });
        }
      }
      expect(parked).toBeGreaterThan(0);
      expect((await byOperator("GET", "/v1/ops/reconcile")).body).toMatchObject({
        ok: true,
        inFlight: parked,
      });
    });
  });
});
