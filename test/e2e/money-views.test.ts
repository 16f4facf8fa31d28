import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient } from "../../testbed/clients/api-client.ts";
import { startE2ePlatform, type E2ePlatform } from "../support/platforms/e2e-platform.ts";

let platform: E2ePlatform;
let api: ApiClient;
let admin: string;
let people = 0;

/** A thousand looks at every kind of interleaving are in `bff/app/wallet-cut`. */
const READS = 300;
const READERS = 4;

beforeAll(async () => {
  platform = await startE2ePlatform({ DELIVERY_SCHEDULE_MS: "200,400,800", RATE_LIMIT_SCALE: "1000" });
  api = new ApiClient(platform.url);
  admin = (await api.signIn(platform.secrets.ADMIN_EMAIL, platform.secrets.ADMIN_PASSWORD)).token;
});

afterAll(() => platform.stop());

async function userWith(amount: number) {
  people += 1;
  const user = await api.signUp(`looker-${people}@example.com`);
  const headers = { "idempotency-key": `first-${people}` };
  await api.call("POST", `/v1/ops/wallets/${user.userId}/deposits`, {
    token: admin,
    body: { amount },
    headers,
  });
  return user;
}

const transfer = (token: string, key: string, amount: number, from = "wallet") =>
  api.call("POST", "/v1/transfers", {
    token,
    body: { from, to: from === "wallet" ? "savings" : "wallet", amount },
    headers: { "idempotency-key": key },
  });

interface Wallet {
  readonly wallet: { readonly balance: number } | null;
  readonly savings: { readonly balance: number } | null;
  readonly inFlight: number;
}

async function walletOf(token: string): Promise<Wallet> {
  return (await api.call("GET", "/v1/wallet", { token })).body as unknown as Wallet;
}

async function atRest(token: string): Promise<void> {
  while ((await walletOf(token)).inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 30));
}

describe("what a user sees", () => {
  it(
    `of their money adds up in each of ${READS} reads while it goes both ways`,
    { timeout: 300_000 },
    async () => {
      const { token } = await userWith(1_000);
      await transfer(token, "first", 500);
      await atRest(token);
      const until = new AbortController();
      const move = async (from: "wallet" | "savings") => {
        for (let number = 0; !until.signal.aborted; number += 1)
          await transfer(token, `${from}-${number}`, 1 + (number % 5), from);
      };
      const moving = [move("wallet"), move("savings")];
      const odd: Wallet[] = [];
      let moved = 0;
      const read = async () => {
        for (let number = 0; number < READS / READERS; number += 1) {
          const view = await walletOf(token);
          const figures = [view.wallet?.balance ?? -1, view.savings?.balance ?? -1, view.inFlight];
          if (
            figures.some((figure) => figure < 0) ||
            figures.reduce((sum, figure) => sum + figure, 0) !== 1_000
          )
            odd.push(view);
          if (view.inFlight > 0) moved += 1;
        }
      };
      await Promise.all(Array.from({ length: READERS }, read));
      until.abort();
      await Promise.all(moving);
      expect(odd).toEqual([]);
      expect(moved).toBeGreaterThan(10);
    },
  );

  it("where one ledger is down is what the other says, named; home shows no half of it", async () => {
    const { token } = await userWith(70);
    await api.call("PUT", "/v1/ops/faults", { token: admin, body: { target: "savings", errorRate: 1 } });
    const view = await api.call("GET", "/v1/wallet", { token });
    expect([view.status, view.body]).toEqual([
      200,
      { wallet: { balance: 70 }, savings: null, inFlight: 0, degraded: ["savings"] },
    ]);
    expect((await api.call("GET", "/v1/home", { token })).body).toMatchObject({
      wallet: null,
      degraded: ["wallet"],
    });
    await api.call("PUT", "/v1/ops/faults", { token: admin, body: { target: "savings" } });
  });

  it("of each ledger's movements is all of them, newest first, page by page", async () => {
    const { token } = await userWith(100);
    const { body: sent } = await transfer(token, "there", 30);
    await atRest(token);
    await transfer(token, "back", 10, "savings");
    await atRest(token);
    const entries = async (query: string) =>
      (await api.call("GET", `/v1/wallet/entries?${query}`, { token })).body;
    const own = await entries("ledger=wallet");
    expect(own["items"]).toMatchObject([
      { amount: 10, balance: 80, kind: "transfer" },
      { amount: -30, balance: 70, kind: "transfer", transferId: sent["transferId"] },
      { amount: 100, balance: 100, kind: "deposit", depositId: expect.any(String) },
    ]);
    const first = await entries("ledger=savings&limit=1");
    const second = await entries(`ledger=savings&limit=1&cursor=${String(first["nextCursor"])}`);
    expect([first["items"], second["items"]]).toMatchObject([
      [{ amount: -10, balance: 20 }],
      [{ amount: 30, balance: 30 }],
    ]);
    expect(second["nextCursor"]).toBeUndefined();
    expect(await entries("cursor=nonsense!")).toMatchObject({
      code: "INVALID",
      errors: [{ path: "cursor" }],
    });
    expect(await entries("ledger=purse")).toMatchObject({ code: "INVALID" });
    expect((await api.call("GET", "/v1/wallet/entries")).body["code"]).toBe("UNAUTHENTICATED");
  });
});
