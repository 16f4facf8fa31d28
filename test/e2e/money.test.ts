import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

let platform: E2ePlatform;
let api: ApiClient;
let admin: string;
let people = 0;

beforeAll(async () => {
  platform = await startE2ePlatform({ DELIVERY_SCHEDULE_MS: "200,400,800" });
  api = new ApiClient(platform.url);
  admin = (await api.signIn(platform.secrets.ADMIN_EMAIL, platform.secrets.ADMIN_PASSWORD)).token;
});

afterAll(() => platform.stop());

/** A user with so much in the wallet. */
async function userWith(amount: number) {
  people += 1;
  const user = await api.signUp(`saver-${people}@example.com`);
  if (amount > 0) {
    const answer = await deposit(user.userId, amount, `first-${people}`);
    if (answer.status !== 201) throw new Error(`a deposit answered ${answer.status}`);
  }
  return user;
}

const deposit = (userId: string, amount: unknown, key: string) =>
  api.call("POST", `/v1/ops/wallets/${userId}/deposits`, {
    token: admin,
    body: { amount },
    headers: { "idempotency-key": key },
  });

const transfer = (token: string, key: string, amount: unknown, from = "wallet", to = "savings") =>
  api.call("POST", "/v1/transfers", {
    token,
    body: { from, to, amount },
    headers: { "idempotency-key": key },
  });

const byAdmin = (method: string, path: string, body?: unknown) =>
  api.call(method, path, { token: admin, ...(body === undefined ? {} : { body }) });

async function eventually<T>(
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  withinMs = 15_000,
): Promise<T> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const wallet = async (token: string) => (await api.call("GET", "/v1/wallet", { token })).body;
const statusOf = async (token: string, id: unknown) =>
  (await api.call("GET", `/v1/transfers/${String(id)}`, { token })).body["status"];
const settled = (token: string, id: unknown) =>
  eventually(
    () => statusOf(token, id),
    (status) => status === "settled",
  );

describe("money", () => {
  it("goes from one ledger to the other and back, and the books balance", async () => {
    const { token } = await userWith(1_000);
    expect(await wallet(token)).toEqual({ wallet: { balance: 1_000 }, savings: { balance: 0 }, inFlight: 0 });
    const there = await transfer(token, '"there"', 300);
    expect([there.status, there.body]).toEqual([202, { transferId: expect.any(String), status: "pending" }]);
    await settled(token, there.body["transferId"]);
    const back = await transfer(token, "back", 100, "savings", "wallet");
    await settled(token, back.body["transferId"]);
    expect(await wallet(token)).toEqual({ wallet: { balance: 800 }, savings: { balance: 200 }, inFlight: 0 });
    expect(await transfer(token, "there", 300)).toMatchObject({
      status: 202,
      body: { transferId: there.body["transferId"], status: "settled" },
    });

    const first = (await api.call("GET", "/v1/transfers?limit=1", { token })).body;
    const second = (
      await api.call("GET", `/v1/transfers?limit=1&cursor=${String(first["nextCursor"])}`, { token })
    ).body;
    expect([first["items"], second["items"]]).toMatchObject([
      [{ from: "savings", amount: 100, settledAt: expect.any(Number) }],
      [{ from: "wallet" }],
    ]);
    expect(second["nextCursor"]).toBeUndefined();
    expect((await api.call("GET", "/v1/home", { token })).body["wallet"]).toEqual(await wallet(token));
    expect((await byAdmin("GET", "/v1/ops/reconcile")).body).toMatchObject({
      ok: true,
      inFlight: 0,
      mismatches: [],
    });
  });

  it("is debited once for a key sent thirty times at once, and never below zero", async () => {
    const { token } = await userWith(1_000);
    const same = await Promise.all(Array.from({ length: 30 }, () => transfer(token, "same", 100)));
    expect(new Set(same.map(({ body }) => body["transferId"])).size).toBe(1);
    const race = await Promise.all(
      Array.from({ length: 60 }, (_, index) => transfer(token, `race-${index}`, 100)),
    );
    expect(race.filter(({ status }) => status === 202)).toHaveLength(9);
    expect(race.filter(({ body }) => body["code"] === "INSUFFICIENT_FUNDS")).toHaveLength(51);
    await eventually(
      () => wallet(token),
      (view) => JSON.stringify(view) === '{"wallet":{"balance":0},"savings":{"balance":1000},"inFlight":0}',
    );
  });

  it("waits while the other ledger is down, shows why, and arrives by itself", async () => {
    const { token } = await userWith(100);
    await byAdmin("PUT", "/v1/ops/faults", { target: "savings", errorRate: 1 });
    const { body } = await transfer(token, "k", 60);
    const messages = await eventually(
      async () =>
        (await byAdmin("GET", "/v1/ops/outbox?ledger=wallet&status=pending")).body["items"] as Record<
          string,
          unknown
        >[],
      (items) =>
        items.some(({ transferId, lastError }) => transferId === body["transferId"] && lastError !== null),
    );
    expect(messages).toEqual(
      expect.arrayContaining([expect.objectContaining({ lastError: "a fault was injected into savings" })]),
    );
    await byAdmin("PUT", "/v1/ops/faults", { target: "savings" });
    await settled(token, body["transferId"]);
  });

  it("to a closed account is parked, and refunded or redriven by an operator", async () => {
    const { token, userId } = await userWith(100);
    const state = (value: string) =>
      byAdmin("PUT", `/v1/ops/wallets/${userId}/state`, { ledger: "savings", state: value });
    await transfer(token, "opens-it", 10);
    await eventually(
      () => wallet(token),
      (view) => (view["savings"] as { balance: number }).balance === 10,
    );
    expect((await state("closed")).status).toBe(200);
    const [one, other] = [await transfer(token, "one", 20), await transfer(token, "other", 30)];
    for (const { body } of [one, other])
      await eventually(
        () => statusOf(token, body["transferId"]),
        (status) => status === "parked",
      );
    expect(await wallet(token)).toMatchObject({ wallet: { balance: 40 }, inFlight: 50 });

    const refund = await byAdmin("POST", `/v1/ops/transfers/${String(one.body["transferId"])}/refund`, {});
    expect(refund).toMatchObject({ status: 200, body: { status: "refunded" } });
    const redrive = (body: object) => byAdmin("POST", "/v1/ops/outbox/redrive", body);
    const ids = [other.body["transferId"]];
    expect((await redrive({ ledger: "wallet", status: "parked", dryRun: true })).body).toEqual({
      redriven: ids,
    });
    await state("open");
    expect((await redrive({ ledger: "wallet", ids })).body).toEqual({ redriven: ids });
    await settled(token, ids[0]);
    expect(await wallet(token)).toEqual({ wallet: { balance: 60 }, savings: { balance: 40 }, inFlight: 0 });
    expect((await byAdmin("POST", `/v1/ops/transfers/${String(ids[0])}/refund`, {})).body).toMatchObject({
      code: "CONFLICT",
    });
  });
});

describe("reconciliation", () => {
  it("is driven by the cron of the ops BFF, in the name of nobody", async () => {
    const { token } = await userWith(100);
    await settled(token, (await transfer(token, "k", 10)).body["transferId"]);
    const database = (worker: string) => platform.miniflare.getD1Database("LEDGER_DB", worker);
    const progress = async (worker: string) =>
      (await database(worker)).prepare("SELECT walked_at, account_id FROM reconciliation").first();
    const workers = ["playhead-wallet", "playhead-savings"];
    // Operators of other tests may have been here.
    for (const worker of workers)
      await (await database(worker)).prepare("UPDATE reconciliation SET walked_at = NULL").run();
    // All accounts may be more than one run has time for on a busy machine.
    await eventually(
      async () => {
        await platform.fireCron("playhead-ops-bff", "* * * * *");
        return Promise.all(workers.map(progress));
      },
      (rows) => rows.every((row) => typeof row?.["walked_at"] === "number" && row["account_id"] === ""),
    );
    expect((await byAdmin("GET", "/v1/ops/reconcile")).body).toMatchObject({ ok: true });
  });
});

describe("an account", () => {
  it("that an operator has frozen sends nothing, is audited, and sends with the same key once it is open", async () => {
    const { token, userId } = await userWith(100);
    const state = (value: string) => byAdmin("PUT", `/v1/ops/wallets/${userId}/state`, { state: value });
    expect((await state("frozen")).body).toEqual({ userId, ledgers: ["wallet"], state: "frozen" });
    expect(await transfer(token, "k", 10)).toMatchObject({
      status: 403,
      body: { code: "FORBIDDEN", detail: "The account is frozen" },
    });
    const { body } = await byAdmin("GET", "/v1/ops/audit?ledger=wallet&limit=1");
    expect(body["items"]).toMatchObject([
      { action: "set-account-state", target: userId, detail: { state: "frozen" } },
    ]);
    await state("open");
    await settled(token, (await transfer(token, "k", 10)).body["transferId"]);
  });
});

describe("deposits", () => {
  const reverse = (id: unknown) => byAdmin("POST", `/v1/ops/deposits/${String(id)}/reverse`, {});

  it("go to users whom identity knows, by one id however it is written, and to nobody else", async () => {
    const { token, userId } = await userWith(0);
    const capitals = await deposit(userId.toUpperCase(), 7_000, `capitals-${userId}`);
    expect(capitals).toMatchObject({ status: 201, body: { depositId: expect.any(String), balance: 7_000 } });
    expect(await deposit(userId, 7_000, `capitals-${userId}`)).toMatchObject({ body: capitals.body });
    expect(await wallet(token)).toMatchObject({ wallet: { balance: 7_000 } });
    for (const nobody of ["00000000-0000-0000-0000-000000000000", crypto.randomUUID()]) {
      expect((await deposit(nobody, 1, `nobody-${nobody}`)).status).toBe(404);
    }
    await api.call("DELETE", "/v1/account/me", { token, body: { password: "correct horse battery" } });
    expect((await deposit(userId, 1, `erased-${userId}`)).status).toBe(404);
    expect(await deposit(userId, 7_000, `capitals-${userId}`)).toMatchObject({
      status: 201,
      body: capitals.body,
    });
    expect((await reverse(capitals.body["depositId"])).body).toEqual({
      depositId: capitals.body["depositId"],
      balance: 0,
    });
  });

  it("are taken back whole and once, or not at all where the money has gone on, by admins only", async () => {
    const { token, userId } = await userWith(0);
    const id = (await deposit(userId, 100, `first-of-${userId}`)).body["depositId"];
    const asUser = await api.call("POST", `/v1/ops/deposits/${String(id)}/reverse`, { token, body: {} });
    expect(asUser.body["code"]).toBe("FORBIDDEN");
    const { body } = await transfer(token, "spend", 1);
    await settled(token, body["transferId"]);
    expect((await reverse(id)).body).toMatchObject({ code: "INSUFFICIENT_FUNDS", status: 422 });
    await settled(token, (await transfer(token, "come-back", 1, "savings", "wallet")).body["transferId"]);
    expect((await reverse(id)).body).toEqual({ depositId: id, balance: 0 });
    expect((await reverse(String(id).toUpperCase())).body).toEqual({ depositId: id, balance: 0 });
    expect((await reverse(crypto.randomUUID())).status).toBe(404);
  });

  it("that are mistyped are refused by the rule they break, and take nothing from the ledger", async () => {
    const { userId } = await userWith(0);
    expect((await deposit(userId, 9_007_199_250_000_000, "mistyped")).body).toMatchObject({
      code: "INVALID",
      errors: [{ path: "amount", message: "must be at most 100000000" }],
    });
    expect((await deposit(userId, 100_000_000, "most")).status).toBe(201);
  });
});

describe("an idempotency key", () => {
  it("under which money has arrived sends none back", async () => {
    const { token } = await userWith(100);
    const there = await transfer(token, "both-ways", 60);
    await settled(token, there.body["transferId"]);
    expect((await transfer(token, "both-ways", 60, "savings", "wallet")).body).toMatchObject({
      code: "INVALID",
      status: 422,
    });
    expect(await wallet(token)).toEqual({ wallet: { balance: 40 }, savings: { balance: 60 }, inFlight: 0 });
    expect((await transfer(token, "both-ways", 60)).body).toEqual({
      transferId: there.body["transferId"],
      status: "settled",
    });
  });
});

describe("bad input", () => {
  it.each([
    ["no amount", undefined, "INVALID", "amount"],
    ["nothing", 0, "INVALID", "amount"],
    ["less than nothing", -5, "INVALID", "amount"],
    ["half a cent", 1.5, "INVALID", "amount"],
    ["too much for a number", 2 ** 53, "INVALID", "amount"],
    ["a text", "100", "INVALID", "amount"],
  ])("an amount that is %s", async (_what, amount, code, path) => {
    const { token } = await userWith(0);
    const { status, body } = await transfer(token, "k", amount);
    expect([status, body["code"], (body["errors"] as { path: string }[])[0]?.path]).toEqual([
      422,
      code,
      path,
    ]);
  });

  it("directions, keys and foreign things", async () => {
    const [{ token }, stranger] = [await userWith(100), await userWith(0)];
    expect((await transfer(token, "k", 1, "wallet", "wallet")).body).toMatchObject({
      code: "INVALID",
      errors: [{ path: "to" }],
    });
    expect((await transfer(token, "k", 1, "purse", "savings")).body).toMatchObject({
      code: "INVALID",
      errors: [{ path: "from" }],
    });
    const misspelt = {
      token,
      body: { from: "wallet", to: "savings", amount: 1, dryRun: true },
      headers: { "idempotency-key": "odd" },
    };
    expect(await api.call("POST", "/v1/transfers", misspelt)).toMatchObject({
      status: 422,
      body: { errors: [{ path: "dryRun" }] },
    });
    const noKey = { token, body: { from: "wallet", to: "savings", amount: 1 } };
    expect((await api.call("POST", "/v1/transfers", noKey)).body).toMatchObject({
      code: "MALFORMED",
      status: 400,
    });
    for (const key of ["two words", "x".repeat(129), '"unclosed'])
      expect((await transfer(token, key, 1)).body["code"]).toBe("MALFORMED");
    expect((await transfer(token, "poor", 101)).body).toMatchObject({
      code: "INSUFFICIENT_FUNDS",
      status: 422,
    });
    const { body } = await transfer(token, "mine", 10);
    expect((await transfer(token, "mine", 11)).body).toMatchObject({ code: "INVALID", status: 422 });
    expect(
      (await api.call("GET", `/v1/transfers/${String(body["transferId"])}`, { token: stranger.token }))
        .status,
    ).toBe(404);
    expect((await api.call("GET", "/v1/transfers/nonsense", { token })).status).toBe(404);
    expect((await api.call("GET", "/v1/transfers?cursor=nonsense", { token })).body["code"]).toBe("INVALID");
    expect((await api.call("GET", "/v1/wallet")).body["code"]).toBe("UNAUTHENTICATED");
  });

  it("of operators: unknown users, ledgers, ids, and those who may only look", async () => {
    const { token, userId } = await userWith(0);
    expect((await deposit("nobody", 1, "k")).status).toBe(404);
    expect((await deposit(userId, 0, "k")).body["code"]).toBe("INVALID");
    expect((await byAdmin("GET", "/v1/ops/outbox?ledger=purse")).body["code"]).toBe("INVALID");
    expect((await byAdmin("POST", "/v1/ops/outbox/redrive", { ledger: "wallet" })).body["code"]).toBe(
      "INVALID",
    );
    expect((await byAdmin("POST", `/v1/ops/transfers/${crypto.randomUUID()}/refund`, {})).status).toBe(404);
    const asUser = { token, body: { amount: 1 }, headers: { "idempotency-key": "k" } };
    expect((await api.call("POST", `/v1/ops/wallets/${userId}/deposits`, asUser)).body["code"]).toBe(
      "FORBIDDEN",
    );
  });
});
