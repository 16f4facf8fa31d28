import { Kafka } from "@upstash/kafka";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { BusStatus } from "../../src/contracts/history.ts";
import { LEDGERS } from "../../src/contracts/ledger.ts";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { historyRowsOnDisk } from "../support/platforms/d1-history-rows.ts";
import { LaunchedScripts, runtimeOf, type LaunchedScript } from "../support/platforms/launched-script.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";
import { until } from "../support/until.ts";
import { changesOf, toldChanges } from "./support/told-changes.ts";

/*
 * `npm start -- --kafka`, whose runtime is killed with reports, transfers and changes under way to
 * a broker that holds still. The launcher ends with it, and the broker too: what was acknowledged
 * is what the next start has.
 */

const folder = mkdtempSync(join(tmpdir(), "playhead-runtime-killed-"));
const state = join(folder, "state");
const ARGS = "--port 0 --kafka --crons-every 2 --var RATE_LIMIT_SCALE:1000 --var FLUSH_WINDOW_MS:500".split(
  " ",
);
const OPERATOR = { ADMIN_EMAIL: "operator@example.com", ADMIN_PASSWORD: "operator's password" };
const EMAIL = "viewer@example.com";
const PASSWORD = "correct horse battery";
const PLAYERS = 6;
const PAYERS = 3;
const BEATS_BEFORE_KILL = 200;
const TRANSFERS_BEFORE_KILL = 15;
/** While the broker holds still: of the first of them a ledger tells at once. */
const TRANSFERS_UNTOLD = 15;
const DEPOSIT = 1_000_000;
const AMOUNT = 7;
const PATIENCE_MS = 90_000;
const scripts = new LaunchedScripts();

beforeAll(() => copyMigratedState(state));
afterEach(() => scripts.end());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Started extends LaunchedScript {
  readonly api: ApiClient;
  readonly kafka: Kafka;
}

async function start(): Promise<Started> {
  const script = scripts.start(["--state", state, ...ARGS], OPERATOR);
  const api = new ApiClient(await script.ready);
  const url = /front for @upstash\/kafka on ([^\s,]+)/.exec(script.stdout())?.[1] ?? "";
  const password = readFileSync(join(state, "kafka", "password"), "utf8").trim();
  return { ...script, api, kafka: new Kafka({ url, username: "playhead", password }) };
}

interface Overview {
  readonly history: {
    readonly shards: readonly { readonly pending: number }[];
    readonly bus?: readonly BusStatus[] | null;
    readonly deadLetters: number | null;
    readonly rejected: number | null;
  };
  readonly wallet: { readonly changes: { readonly newestSeq: number; readonly publishedSeq: number } };
  readonly savings: Overview["wallet"];
}

async function overviewOf(api: ApiClient, token: string): Promise<Overview | null> {
  const { status, body } = await api.call("GET", "/v1/ops/overview", { token });
  return status === 200 ? (body as unknown as Overview) : null;
}

const isTold = ({ wallet, savings }: Overview): boolean =>
  [wallet, savings].every(({ changes }) => changes.newestSeq === changes.publishedSeq);

const isWritten = ({ history }: Overview): boolean =>
  history.shards.every(({ pending }) => pending === 0) &&
  (history.bus ?? []).length > 0 &&
  (history.bus ?? []).every(({ lag }) => lag === 0);

/** What users do until the platform is gone, and what they were told. */
class Traffic {
  /** By item the position that was acknowledged last. */
  readonly positions = new Map<string, number>();
  /** By key the transfer that was acknowledged; null where no answer came. */
  readonly transfers = new Map<string, string | null>();
  beats = 0;
  readonly #api: ApiClient;
  readonly #token: string;

  constructor(api: ApiClient, token: string) {
    this.#api = api;
    this.#token = token;
  }

  async untilGone(): Promise<void> {
    await Promise.all([
      ...Array.from({ length: PLAYERS }, (_, player) => this.#play(`film-${player}`)),
      ...Array.from({ length: PAYERS }, (_, payer) => this.#pay(payer)),
    ]);
  }

  async #play(itemId: string): Promise<void> {
    for (let positionMs = 1; ; positionMs += 1) {
      const body = { reports: [{ kind: "video", itemId, positionMs }] };
      const status = await this.#api
        .call("POST", "/v1/history/reports", { token: this.#token, body })
        .then((answer) => answer.status)
        .catch(() => null);
      if (status !== 200) return;
      this.positions.set(itemId, positionMs);
      this.beats += 1;
    }
  }

  async #pay(payer: number): Promise<void> {
    for (let number = 0; ; number += 1) {
      const key = `transfer-${payer}-${number}`;
      const id = await transfer(this.#api, this.#token, key).catch(() => null);
      this.transfers.set(key, id);
      if (id === null) return;
    }
  }
}

/** Null where it was not taken. */
async function transfer(api: ApiClient, token: string, key: string): Promise<string | null> {
  const { status, body } = await api.callPatiently("POST", "/v1/transfers", {
    token,
    body: { from: "wallet", to: "savings", amount: AMOUNT },
    headers: { "idempotency-key": key },
  });
  return status === 202 ? String(body["transferId"]) : null;
}

/** What is wrong with the positions, of which a later one may be there whose answer was lost. */
const wrongPositions = (
  acked: ReadonlyMap<string, number>,
  found: (itemId: string) => number,
): readonly string[] =>
  [...acked]
    .filter(([itemId, positionMs]) => found(itemId) < positionMs || found(itemId) > positionMs + 1)
    .map(([itemId, positionMs]) => `${itemId} was acked at ${positionMs}, and is at ${found(itemId)}`);

it(
  "loses no acked report and tells every change of every transfer though the runtime is killed in the middle of the traffic",
  { timeout: 300_000 },
  async () => {
    const first = await start();
    const { token, userId } = await first.api.signUp(EMAIL, PASSWORD);
    const admin = (await first.api.signIn(OPERATOR.ADMIN_EMAIL, OPERATOR.ADMIN_PASSWORD)).token;
    const deposit = { token: admin, body: { amount: DEPOSIT }, headers: { "idempotency-key": "all" } };
    const { status, body } = await first.api.call("POST", `/v1/ops/wallets/${userId}/deposits`, deposit);
    expect(status).toBe(201);
    const traffic = new Traffic(first.api, token);
    const gone = traffic.untilGone();
    await until(
      "reports and changes have gone through Kafka",
      async () => {
        const seen = await overviewOf(first.api, admin);
        return (
          traffic.beats >= BEATS_BEFORE_KILL &&
          traffic.transfers.size >= TRANSFERS_BEFORE_KILL &&
          seen !== null &&
          seen.savings.changes.publishedSeq > 0 &&
          seen.history.shards.some(({ pending }) => pending > 0)
        );
      },
      PATIENCE_MS,
    );
    // What is sent to it now is under way when the runtime is killed, and nobody writes it.
    process.kill(Number(readFileSync(join(state, "kafka", "kafka.pid"), "utf8")), "SIGSTOP");
    const untold = traffic.transfers.size + TRANSFERS_UNTOLD;
    await until("more is under way", () => traffic.transfers.size >= untold, PATIENCE_MS);
    process.kill(runtimeOf(first), "SIGKILL");
    await gone;
    expect(await first.ended).toBe(1);
    expect(first.stderr()).toContain("the runtime (workerd) died; everything stops");

    const { api, kafka, ...second } = await start();
    const again = (await api.signIn(EMAIL, PASSWORD)).token;
    const history = await api.callPatiently("GET", "/v1/history?limit=100", { token: again });
    const items = history.body["items"] as readonly { itemId: string; positionMs: number }[];
    const shown = new Map(items.map(({ itemId, positionMs }) => [itemId, positionMs]));
    expect(wrongPositions(traffic.positions, (itemId) => shown.get(itemId) ?? 0)).toEqual([]);

    // Whoever had no answer asks again with the same key; whoever had one hears the same.
    const transferIds: string[] = [];
    for (const [key, acked] of traffic.transfers) {
      const id = await transfer(api, again, key);
      expect(id).not.toBeNull();
      expect(acked ?? id).toBe(id);
      transferIds.push(String(id));
    }
    const operator = (await api.signIn(OPERATOR.ADMIN_EMAIL, OPERATOR.ADMIN_PASSWORD)).token;
    const moved = transferIds.length * AMOUNT;
    const settled = { wallet: { balance: DEPOSIT - moved }, savings: { balance: moved }, inFlight: 0 };
    let balances: unknown = null;
    let seen: Overview | null = null;
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline;) {
      balances = (await api.call("GET", "/v1/wallet", { token: again })).body;
      seen = await overviewOf(api, operator);
      if (JSON.stringify(balances) === JSON.stringify(settled) && seen && isTold(seen) && isWritten(seen))
        break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(balances).toEqual(settled);
    expect(seen).toMatchObject({ history: { deadLetters: 0, rejected: 0 } });
    expect(seen && [isTold(seen), isWritten(seen)]).toEqual([true, true]);

    const all = { wallet: [String(body["depositId"]), ...transferIds], savings: transferIds };
    for (const ledger of LEDGERS) {
      const { taken, events, misnamed } = await toldChanges(kafka, ledger);
      const log = await changesOf(api, operator, ledger);
      expect(log.map(({ transferId }) => transferId).toSorted()).toEqual(all[ledger].toSorted());
      expect([...events.values()].toSorted((one, other) => one.seq - other.seq)).toEqual(
        log.map((change) => ({ v: 1, id: `${ledger}-${change.seq}`, ...change })),
      );
      expect(misnamed).toEqual([]);
      expect(taken).not.toContain("missed");
      expect(taken.filter((what) => what === "applied")).toHaveLength(log.length);
    }

    second.process.kill("SIGTERM");
    expect(await second.ended).toBe(0);
    const rows = historyRowsOnDisk(state).get(userId);
    expect(
      wrongPositions(traffic.positions, (itemId) => Number.parseInt(rows?.get(`video/${itemId}`) ?? "0", 10)),
    ).toEqual([]);
  },
);
