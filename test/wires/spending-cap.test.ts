import { expect, it, vi } from "vitest";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import { wire } from "../../src/ledger/wire.ts";
import { Funds, Operations } from "../../src/ledger/worker.ts";
import {
  bindingsAtCap,
  CALLS,
  expectNoneIsOpen,
  logOfEachTest,
  messagesAtCap,
  TOLD_OF_CAP,
  whatIsTold,
} from "../support/workers/at-spending-cap.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { refusing, refusingD1 } from "../support/workers/refusing-bindings.ts";

/* A ledger as it is deployed, all of whose bindings the platform refuses at the spending cap. */

vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const DELIVERY = { v: 1, transferId: "0190a1b2-0000-7000-8000-000000000100", from: "savings", userId: "ada" };

function walletAtCap() {
  const { vars, objects } = bindingsAtCap();
  const env = {
    ...vars,
    LEDGER: "wallet",
    DELIVERY_SCHEDULE_MS: "2000,4000",
    DELIVERIES_PER_SECOND: "50",
    CHANGE_SINK: "queue",
    DEPOSIT_MAX: "1000",
    DEPOSITS_PER_DAY_MAX: "100000",
    LEDGER_DB: refusingD1(),
    PEER: refusing("Workers"),
    PEER_QUEUE: refusing("Queues"),
    CHANGES_QUEUE: refusing("Queues"),
    PUBLISHER: objects,
  } as unknown as LedgerEnv;
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  return { funds: new Funds(ctx, env), operations: new Operations(ctx, env), wired: wire(env) };
}

const lines = logOfEachTest();

it("says so to each caller, opens no breaker, keeps every message for later, and writes one line a minute", async () => {
  const { funds, operations, wired } = walletAtCap();
  const told: unknown[] = [];
  const note = (error: unknown): void => void told.push(whatIsTold(error));
  const { fates, message } = messagesAtCap();
  for (let call = 0; call < CALLS; call += 1) {
    const user = contextOf(CALL_TIMEOUT_MS.moneyRpc, `user-${call}`);
    await funds.transfer(user, 1, `key-${call}`).catch(note);
    await funds.cut(contextOf(CALL_TIMEOUT_MS.rpc), 10).catch(note);
    await operations.overview(contextOf(CALL_TIMEOUT_MS.operatorRpc)).catch(note);
    await wired.consume({
      queue: "playhead-wallet-deliveries",
      messages: [message(call, { ...DELIVERY, amount: 1, attempt: 1 })],
    } as never);
    expect(await wired.publishOnce()).toBe(Date.now() + 60_000);
    await wired.sweep(Date.now());
  }
  await expectNoneIsOpen();
  expect(new Set(told)).toEqual(new Set([TOLD_OF_CAP]));
  expect(told).toHaveLength(3 * CALLS);
  expect(fates).toEqual(Array.from({ length: CALLS }, () => ({ delaySeconds: 300 })));
  expect(lines.map(({ event }) => event)).toEqual(["spending cap reached"]);
  vi.setSystemTime(Date.now() + 60_000);
  await wired.sweep(Date.now());
  expect(lines.map(({ event }) => event)).toEqual(["spending cap reached", "spending cap reached"]);
  expect(Number(lines[1]?.["leftOut"])).toBeGreaterThan(CALLS);
});
