import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka } from "@upstash/kafka";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningPlatform } from "../../scripts/runtime/platform.ts";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import type { HistoryOverview } from "../../src/contracts/history.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { d1HistoryRows } from "../support/platforms/d1-history-rows.ts";
import { startPlatformOn } from "../support/platforms/e2e-platform.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";
import { until } from "../support/until.ts";
import { LOGIN, startOwnKafka, type OwnKafka } from "./support/own-kafka.ts";
import { changesOf, toldChanges } from "./support/told-changes.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-over-kafka-"));
const PLAYERS = 8;
const BEATS = 150;
const PASSWORD = "correct horse battery";
const PATIENCE_MS = 120_000;
/** Partitions of a topic that the bridge makes here. */
const PARTITIONS = 3;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Heartbeats of some players, one after the other each, until they are told to stop. */
class Players {
  readonly acked = new Map<string, number>();
  beats = 0;
  #isOver = false;
  readonly #playing: readonly Promise<void>[];

  constructor(api: ApiClient, token: string) {
    this.#playing = Array.from({ length: PLAYERS }, (_, player) => this.#play(api, token, `film-${player}`));
  }

  async #play(api: ApiClient, token: string, itemId: string): Promise<void> {
    for (let positionMs = 1; !this.#isOver; positionMs += 1) {
      const body = { reports: [{ kind: "video", itemId, positionMs }] };
      const { status } = await api.call("POST", "/v1/history/reports", { token, body });
      if (status !== 200) continue;
      this.acked.set(itemId, positionMs);
      this.beats += 1;
    }
  }

  async more(beats: number): Promise<void> {
    const wanted = this.beats + beats;
    await until(`${beats} more reports are acked`, () => this.beats >= wanted, PATIENCE_MS);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#playing);
  }
}

describe("the platform over Kafka", () => {
  let kafka: OwnKafka;
  let platform: RunningPlatform;
  let api: ApiClient;
  const secrets = { ...makeSecrets(), UPSTASH_KAFKA_REST_PASSWORD: LOGIN.password };

  beforeAll(async () => {
    kafka = await startOwnKafka();
    const state = join(folder, "state");
    copyMigratedState(state);
    platform = await startPlatformOn({
      state,
      secrets,
      vars: {
        HISTORY_BUS: "kafka",
        CHANGE_SINK: "kafka",
        UPSTASH_KAFKA_REST_URL: kafka.url,
        UPSTASH_KAFKA_REST_USERNAME: LOGIN.username,
      },
    });
    api = new ApiClient(platform.url);
    await crons();
  }, 240_000);
  afterAll(async () => {
    await platform.stop();
    await kafka.stop();
  });

  const crons = async (): Promise<void> => {
    for (const worker of ["playhead-history", "playhead-wallet", "playhead-savings"])
      await platform.fireCron(worker, "* * * * *");
  };

  it(
    "loses no acked report and no change though broker and bridge are killed in the middle of the traffic",
    { timeout: 480_000 },
    async () => {
      const { token, userId } = await api.signUp("viewer@example.com", PASSWORD);
      const admin = (await api.signIn(secrets.ADMIN_EMAIL, secrets.ADMIN_PASSWORD)).token;
      const players = new Players(api, token);
      let deposits = 0;
      const traffic = { isOver: false };
      const paying = (async () => {
        while (!traffic.isOver) {
          const { status } = await api.call("POST", `/v1/ops/wallets/${userId}/deposits`, {
            token: admin,
            body: { amount: 1 },
            headers: { "idempotency-key": `deposit-${deposits}` },
          });
          if (status === 201) deposits += 1;
        }
      })();
      await players.more(BEATS);
      await kafka.killBroker();
      await players.more(BEATS);
      await kafka.restartBroker();
      await players.more(BEATS);
      await kafka.signalBridge("SIGKILL");
      await players.more(BEATS);
      await kafka.restartBridge();
      await players.more(BEATS);
      traffic.isOver = true;
      await Promise.all([players.stop(), paying]);

      const overview = async () =>
        (await api.call("GET", "/v1/ops/overview", { token: admin })).body as unknown as {
          history: HistoryOverview;
          wallet: { changes: { newestSeq: number; publishedSeq: number } };
        };
      const untilMs = Date.now() + PATIENCE_MS;
      let isDone = false;
      while (!isDone && Date.now() < untilMs) {
        await crons();
        const { history, wallet } = await overview();
        isDone =
          history.shards.every(({ pending }) => pending === 0) &&
          (history.bus ?? []).length === PARTITIONS &&
          (history.bus ?? []).every(({ lag }) => lag === 0) &&
          wallet.changes.newestSeq === wallet.changes.publishedSeq;
        if (!isDone) await new Promise((resolve) => setTimeout(resolve, 500));
      }
      expect(await overview()).toMatchObject({ history: { deadLetters: 0, rejected: 0 } });
      expect(isDone).toBe(true);

      const rows = new Map((await d1HistoryRows(platform)).flatMap((of) => [...(of.get(userId) ?? [])]));
      expect([...rows.keys()].toSorted()).toEqual(
        [...players.acked.keys()].map((item) => `video/${item}`).toSorted(),
      );
      for (const [item, positionMs] of players.acked)
        expect(Number.parseInt(rows.get(`video/${item}`) ?? "", 10)).toBeGreaterThanOrEqual(positionMs);

      const kafkaClient = new Kafka({ url: kafka.url, ...LOGIN });
      const { follower, taken, events, misnamed } = await toldChanges(kafkaClient, "wallet");
      const log = await changesOf(api, admin, "wallet");
      expect(deposits).toBeGreaterThan(0);
      expect(log).toHaveLength(deposits);
      expect([...events.values()].map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual(
        log.map(({ seq }) => seq),
      );
      expect(misnamed).toEqual([]);
      expect(taken).not.toContain("missed");
      expect(taken.filter((what) => what === "applied")).toHaveLength(deposits);
      expect(follower.state.accounts[userId]?.balance).toBe(deposits);
    },
  );
});
