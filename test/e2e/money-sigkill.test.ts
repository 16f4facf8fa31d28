import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { launchScript, runtimeOf } from "../support/platforms/launched-script.ts";
import { copyMigratedState } from "../support/platforms/migrated-state.ts";

const folder = mkdtempSync(join(tmpdir(), "playhead-money-"));
const OPERATOR = { ADMIN_EMAIL: "operator@example.com", ADMIN_PASSWORD: "operator's password" };
const ARGS = [
  "--port",
  "0",
  "--state",
  join(folder, "state"),
  "--var",
  "RATE_LIMIT_SCALE:1000",
  "--var",
  // Longer than a killed runtime's successor lives: Miniflare starts one, in which the fault is
  // still in force, and the launcher stops it within seconds. What had run through its schedule
  // there would wait for minutes.
  "DELIVERY_SCHEDULE_MS:300,600,1200,2400,2400,2400,2400,2400",
];
const TRANSFERS = 40;
const AMOUNT = 7;
const WITHIN_MS = 40_000;

beforeAll(() => copyMigratedState(join(folder, "state")));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sends one transfer; null where no answer came. */
async function send(api: ApiClient, token: string, key: string): Promise<string | null> {
  const body = { from: "wallet", to: "savings", amount: AMOUNT };
  const answer = await api
    .call("POST", "/v1/transfers", { token, body, headers: { "idempotency-key": key } })
    .catch(() => null);
  return answer?.status === 202 ? String(answer.body["transferId"]) : null;
}

// I33, I37
it(
  "every acknowledged transfer arrives once, though the receiver was down and the runtime was killed with all of them under way",
  { timeout: 300_000 },
  async () => {
    const acked = new Map<string, string>();
    const first = launchScript(ARGS, OPERATOR);
    let api = new ApiClient(await first.ready);
    const user = await api.signUp("saver@example.com");
    const admin = (await api.signIn(OPERATOR.ADMIN_EMAIL, OPERATOR.ADMIN_PASSWORD)).token;
    const deposit = {
      token: admin,
      body: { amount: TRANSFERS * AMOUNT },
      headers: { "idempotency-key": "all" },
    };
    expect((await api.call("POST", `/v1/ops/wallets/${user.userId}/deposits`, deposit)).status).toBe(201);
    await api.call("PUT", "/v1/ops/faults", { token: admin, body: { target: "savings", errorRate: 1 } });
    const sending = Array.from({ length: TRANSFERS }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 5));
      const id = await send(api, user.token, `k${index}`);
      if (id !== null) acked.set(`k${index}`, id);
    });
    while (acked.size < TRANSFERS / 2) await new Promise((resolve) => setTimeout(resolve, 1));
    process.kill(runtimeOf(first), "SIGKILL");
    await Promise.all(sending);
    await first.ended;

    const second = launchScript(ARGS, OPERATOR);
    api = new ApiClient(await second.ready);
    const { token } = await api.signIn("saver@example.com", "correct horse battery");
    // Whoever had no answer asks again with the same key; whoever had one hears the same.
    for (let index = 0; index < TRANSFERS; index += 1) {
      const id = await send(api, token, `k${index}`);
      expect(id).not.toBeNull();
      expect(acked.get(`k${index}`) ?? id).toBe(id);
    }
    const expected = { wallet: { balance: 0 }, savings: { balance: TRANSFERS * AMOUNT }, inFlight: 0 };
    const untilMs = Date.now() + WITHIN_MS;
    let seen: unknown = null;
    while (Date.now() < untilMs && JSON.stringify(seen) !== JSON.stringify(expected)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      seen = (await api.call("GET", "/v1/wallet", { token })).body;
    }
    expect(seen).toEqual(expected);
    const operator = (await api.signIn(OPERATOR.ADMIN_EMAIL, OPERATOR.ADMIN_PASSWORD)).token;
    expect((await api.call("GET", "/v1/ops/reconcile", { token: operator })).body).toMatchObject({
      ok: true,
      inFlight: 0,
    });
    second.process.kill("SIGTERM");
    expect(await second.ended).toBe(0);
  },
);
