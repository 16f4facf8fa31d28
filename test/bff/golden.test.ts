import { decodeJwt } from "jose";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { wire as wireAccount } from "../../src/bff/account/wire.ts";
import { wire as wireApp } from "../../src/bff/app/wire.ts";
import { wire as wireOps } from "../../src/bff/ops/wire.ts";
import { CodedError, type ErrorCode } from "../../src/contracts/errors.ts";
import type { BffFetch } from "../../src/platform/bff/bff-app.ts";
import { readGoldenRecords, type GoldenCall, type GoldenRequest } from "../fixtures/golden/golden-records.ts";
import { throwawaySecrets } from "../fixtures/throwaway-secrets.ts";
import { fromTomorrow } from "../support/golden/from-tomorrow.ts";
import { Replay } from "../support/golden/replay.ts";
import { guardBindings, namespaceOf } from "../support/workers/hung-bindings.ts";

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);

const records = readGoldenRecords();
const calls = records.filter((record) => record.kind === "call");
const requests = records
  .filter((record) => record.kind === "request")
  // What failed never came to a service.
  .filter(({ status, url }) => status < 500 && url.includes("/v1/"));

/** The worker behind each binding of a BFF. */
const SERVICES = {
  HISTORY: "playhead-history",
  IDENTITY: "playhead-identity",
  WALLET: "playhead-wallet",
  SAVINGS: "playhead-savings",
} as const;

/** What the request in hand has asked, and is still to be told. */
const asked: string[] = [];
let open: GoldenCall[] = [];
/** Whether services are of a later release. */
let saysMore = false;

function answerOf(worker: string, method: string, args: readonly unknown[]): unknown {
  const index = open.findIndex((call) => call.worker === worker && call.method === method);
  const [call] = index < 0 ? [] : open.splice(index, 1);
  if (call === undefined) {
    asked.push(`${worker} ${method} was not asked`);
    throw new CodedError("UNAVAILABLE", "nobody has asked this before");
  }
  // The context, too, but for how much time is left.
  const replay = new Replay({}, ["remainingMs"]);
  asked.push(...replay.differences(call.args, args, `${worker} ${method}`));
  const { error, answer } = call;
  if (error === undefined) return saysMore ? fromTomorrow(answer) : answer;
  const hints = Object.fromEntries(Object.entries(error).filter(([, value]) => value !== undefined));
  throw new CodedError(error["code"] as ErrorCode, String(error["message"]), hints);
}

/** A service that answers what that of the release before has answered. */
function serviceOf(worker: string): object {
  const method =
    (name: PropertyKey) =>
    async (...args: readonly unknown[]) =>
      answerOf(worker, String(name), args);
  return new Proxy({}, { get: (_service, name) => (name === "then" ? undefined : method(name)) });
}

/** An object that answers what the first of its kind has answered. */
function objectOf(target: string): object {
  const answered = (name: PropertyKey): unknown =>
    calls.find((call) => call.target === target && call.method === String(name))?.answer;
  return new Proxy(
    {},
    {
      get: (_object, name) => (name === "then" ? undefined : async () => answered(name) ?? null),
    },
  );
}

const WIRES: Readonly<Record<string, (from: never) => BffFetch>> = {
  "playhead-account-bff": wireAccount,
  "playhead-app-bff": wireApp,
  "playhead-ops-bff": (env) => wireOps(env).fetch,
};
const bffs = new Map<string, BffFetch>();

beforeAll(() => {
  const services = Object.fromEntries(
    Object.entries(SERVICES).map(([binding, worker]) => [binding, serviceOf(worker)]),
  );
  const env = {
    ...guardBindings(),
    ...services,
    FAULTS: "on",
    BOOT_ID: "golden-boot",
    INTERNAL_JWKS: throwawaySecrets().INTERNAL_JWKS,
    BREAKER_STATE: namespaceOf(objectOf("BreakerState")),
    RATE_WINDOW: namespaceOf(objectOf("RateWindow")),
    FAULT_BOARD: namespaceOf(objectOf("FaultBoard")),
  };
  for (const [name, wire] of Object.entries(WIRES)) bffs.set(name, wire(env as never));
});

/** Asks the BFF of today what that of the release before was asked, at that time. */
async function askedAgain({ worker, method, url, headers, body }: GoldenRequest): Promise<Response> {
  const { requestId } = JSON.parse(headers["x-context"] ?? "{}") as { readonly requestId: string };
  open = calls.filter(({ args: [context] }) => isOf(requestId, context));
  asked.length = 0;
  vi.setSystemTime((decodeJwt(headers["x-internal-token"] ?? "").iat ?? 0) * 1_000 + 900);
  const fetchBff = bffs.get(worker);
  if (fetchBff === undefined) throw new Error(`there is no BFF ${worker}`);
  const context = JSON.stringify({ ...JSON.parse(headers["x-context"] ?? "{}"), remainingMs: 5_000 });
  const request = new Request(url, {
    method,
    headers: { ...headers, "x-context": context },
    ...(body === "" ? {} : { body }),
  });
  return fetchBff(request, {});
}

function isOf(requestId: string, context: unknown): boolean {
  return typeof context === "object" && context !== null && "requestId" in context
    ? context.requestId === requestId
    : false;
}

/** Of objects there are other answers than those of the moment. */
const BY_OBJECTS = /^\/v1\/ops\/(breakers|limits|faults)/;

/** Where today's BFF asks something else, or answers something else. */
async function differencesOf(request: GoldenRequest): Promise<readonly string[]> {
  const { pathname } = new URL(request.url);
  const path = `${request.method} ${pathname}`;
  const answer = await askedAgain(request);
  const text = await answer.text();
  // What answers nothing would else be missed by nobody.
  asked.push(
    ...open.map(({ worker, target, method }) => `${path}: ${worker} ${target}.${method} is asked no more`),
  );
  const status = new Replay().differences(request.status, answer.status, `${path} status`);
  if (BY_OBJECTS.test(pathname)) return status;
  const bodies = new Replay().differences(parsed(request.answer), parsed(text), path);
  return [...status, ...asked, ...bodies];
}

const parsed = (json: string): unknown => (json === "" ? null : JSON.parse(json));

describe("a BFF between a gateway and services of the release before", () => {
  it.each(Object.keys(WIRES))("%s asks and answers what it has asked and answered", async (bff) => {
    const own = requests.filter(({ worker }) => worker === bff);
    expect(own.length).toBeGreaterThan(10);
    const differences: string[] = [];
    for (const request of own) differences.push(...(await differencesOf(request)));
    expect(differences).toEqual([]);
  });

  it.each(Object.keys(WIRES))("%s does so too where services say more than it knows", async (bff) => {
    const own = requests.filter(({ worker }) => worker === bff);
    expect(own.length).toBeGreaterThan(10);
    saysMore = true;
    const differences: string[] = [];
    for (const request of own) differences.push(...(await differencesOf(request)));
    saysMore = false;
    expect(differences).toEqual([]);
  });
});
