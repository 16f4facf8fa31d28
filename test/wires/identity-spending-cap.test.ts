import { expect, it, vi } from "vitest";
import { CALL_TIMEOUT_MS } from "../../src/platform/guard/call-timeouts.ts";
import { wire } from "../../src/identity/wire.ts";
import { Accounts, Operations, Trust } from "../../src/identity/worker.ts";
import {
  bindingsAtCap,
  CALLS,
  expectNoneIsOpen,
  logOfEachTest,
  TOLD_OF_CAP,
  whatIsTold,
} from "../support/workers/at-spending-cap.ts";
import { contextOf } from "../support/workers/call-contexts.ts";
import { emptyD1 } from "../support/workers/hung-bindings.ts";
import { refusing, refusingD1 } from "../support/workers/refusing-bindings.ts";

/* Identity as it is deployed, whose bindings the platform refuses at the spending cap. */

vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const LOGIN = { email: "ada@example.com", password: "correct horse battery" };

/** @param database - of which objects' limit alone is reached where it is another */
function identityAtCap(database = refusingD1()) {
  const { vars, objects } = bindingsAtCap();
  const env = {
    ...vars,
    KEY_ENCRYPTION_KEY: "A".repeat(43),
    ADMIN_EMAIL: "",
    ADMIN_PASSWORD: "",
    SESSION_AGE_MS_MAX: "15552000000",
    REFRESH_LEEWAY_MS: "10000",
    CELLS: "main",
    CELL_OF: "*=main",
    RATE_LIMIT_SCALE: "1",
    IDENTITY_DB: database,
    RATE_WINDOW: objects,
    HISTORY: refusing("Workers"),
  } as unknown as IdentityEnv;
  const ctx = { waitUntil: () => undefined } as unknown as ExecutionContext;
  return {
    accounts: new Accounts(ctx, env),
    operations: new Operations(ctx, env),
    trust: new Trust(ctx, env),
    wired: wire(env),
  };
}

const lines = logOfEachTest();

it("says so to each caller, opens no breaker, and writes one line a minute", async () => {
  const { accounts, operations, trust, wired } = identityAtCap();
  const told: unknown[] = [];
  const note = (error: unknown): void => void told.push(whatIsTold(error));
  const token = `v1.k.0190a1b2-0000-7000-8000-000000000001.1.${"m".repeat(43)}`;
  for (let call = 0; call < CALLS; call += 1) {
    const slow = contextOf(CALL_TIMEOUT_MS.passwordRpc);
    const ctx = contextOf(CALL_TIMEOUT_MS.rpc);
    await accounts.login(slow, LOGIN).catch(note);
    await accounts.refresh(contextOf(CALL_TIMEOUT_MS.sessionRpc), "r".repeat(43)).catch(note);
    await accounts.logout(contextOf(CALL_TIMEOUT_MS.sessionRpc)).catch(note);
    await accounts.erase(slow, LOGIN.password).catch(note);
    await accounts.me(ctx).catch(note);
    await accounts.ready(ctx).catch(note);
    await trust.snapshot(ctx, 0).catch(note);
    await operations.overview(contextOf(CALL_TIMEOUT_MS.operatorRpc)).catch(note);
    await wired.erasures.attempt({ userId: "ada", cell: null });
    await wired.sweep(Date.now());
    await accounts.refresh(contextOf(CALL_TIMEOUT_MS.sessionRpc), token).catch(() => undefined);
  }
  await expectNoneIsOpen();
  expect(new Set(told)).toEqual(new Set([TOLD_OF_CAP]));
  expect(told).toHaveLength(8 * CALLS);
  expect(lines.map(({ event }) => event)).toEqual(["spending cap reached"]);
});

it("says so to who logs in where objects alone are refused, whose failed logins can't be counted", async () => {
  const { accounts } = identityAtCap(emptyD1());
  const error = await accounts.login(contextOf(CALL_TIMEOUT_MS.passwordRpc), LOGIN).catch(whatIsTold);
  expect(error).toBe(TOLD_OF_CAP);
});
