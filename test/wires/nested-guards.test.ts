import { beforeEach, describe, expect, it, vi } from "vitest";
import { wire as wireAccount } from "../../src/bff/account/wire.ts";
import { wire as wireApp } from "../../src/bff/app/wire.ts";
import { Accounts } from "../../src/identity/worker.ts";
import { Funds } from "../../src/ledger/worker.ts";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";
import { testKey } from "../support/workers/ed25519.ts";
import { guardBindings, hungD1, hungObjects, hungService } from "../support/workers/hung-bindings.ts";
import { forgetGuards, isOpen, opens } from "../support/workers/wired-guards.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const CTX = { waitUntil: () => undefined } as unknown as ExecutionContext;
const gatewayKey = await testKey("gateway-1");

function identity(): object {
  const vars = {
    KEY_ENCRYPTION_KEY: "A".repeat(43),
    ADMIN_EMAIL: "",
    ADMIN_PASSWORD: "",
    SESSION_AGE_MS_MAX: "15552000000",
    REFRESH_LEEWAY_MS: "10000",
    CELLS: "main",
    CELL_OF: "*=main",
    RATE_LIMIT_SCALE: "1",
  };
  const bindings = { IDENTITY_DB: hungD1(), RATE_WINDOW: hungObjects(), HISTORY: hungService() };
  return new Accounts(CTX, { ...guardBindings(), ...vars, ...bindings } as unknown as IdentityEnv);
}

function ledger(name: string): object {
  const amounts = { DEPOSIT_MAX: "1000", DEPOSITS_PER_DAY_MAX: "100000" };
  const vars = {
    LEDGER: name,
    DELIVERY_SCHEDULE_MS: "2000",
    DELIVERIES_PER_SECOND: "50",
    CHANGE_SINK: "off",
    ...amounts,
  };
  const hung = hungService();
  const bindings = {
    LEDGER_DB: hungD1(),
    PEER: hung,
    PEER_QUEUE: hung,
    CHANGES_QUEUE: hung,
    PUBLISHER: hungObjects(),
  };
  return new Funds(CTX, { ...guardBindings(), ...vars, ...bindings } as unknown as LedgerEnv);
}

/** A BFF over real services whose databases hang. */
async function bff(name: "account" | "app") {
  const { kty, crv, x, kid } = gatewayKey.publicJwk;
  const env = {
    ...guardBindings(),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    IDENTITY: identity(),
    WALLET: ledger("wallet"),
    SAVINGS: ledger("savings"),
    HISTORY: hungService(),
  };
  const fetchBff = name === "account" ? wireAccount(env as never) : wireApp(env as never);
  const mint = internalTokenMinter(gatewayKey.privateJwk, Date.now);
  const token = await mint({ userId: "ada", sessionId: "s-1", roles: ["user"] }, `playhead-${name}-bff`);
  const ask = (path: string): Promise<Response> =>
    fetchBff(
      new Request(`http://bff${path}`, { headers: { "x-internal-token": token, "x-deadline-ms": "970" } }),
      {},
    );
  await ask("/nowhere");
  return { ask };
}

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

describe("a database that hangs is found out by the guard next to it, and by none above", () => {
  it.each([
    ["account", "/v1/account/me", "identity", "identity-db-readers"],
    ["app", "/v1/wallet", "wallet", "wallet-db-readers"],
    ["app", "/v1/wallet", "savings", "savings-db-readers"],
  ] as const)("%s BFF, %s: %s", async (name, path, service, database) => {
    const { ask } = await bff(name);
    const answers: number[] = [];
    const isDatabaseOpen = await opens(database, async () => {
      answers.push((await ask(path)).status);
    });
    expect([isDatabaseOpen, await isOpen(service)]).toEqual([true, false]);
    expect(new Set(answers)).toEqual(new Set([503]));
  });
});
