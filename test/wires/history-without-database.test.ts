import { beforeEach, describe, expect, it, vi } from "vitest";
import { wire as wireApp } from "../../src/bff/app/wire.ts";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";
import { testKey } from "../support/workers/ed25519.ts";
import { guardBindings, hungD1, hungService } from "../support/workers/hung-bindings.ts";
import { historyOfOneShard } from "../support/workers/history-of-one-shard.ts";
import { forgetGuards, isOpen, opens } from "../support/workers/wired-guards.ts";

/*
 * The app BFF over a history whose database can't be asked. What needs everything of a user is
 * refused then, and nobody takes the shard, or the history, for ill: reports go on being taken.
 */

// Before anything is imported: modules keep `Date.now` as their clock.
vi.hoisted(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
vi.mock("cloudflare:workers", async () =>
  (await import("../support/workers/wired-guards.ts")).runtimeModule(),
);
vi.mock(import("../../src/platform/guard/guard-kit.ts"), async (original) =>
  (await import("../support/workers/wired-guards.ts")).recordingKit(await original()),
);

const gatewayKey = await testKey("gateway-1");

/** A database each of whose queries fails at once. */
function failingD1(): object {
  const fail = () => Promise.reject(new Error("D1_ERROR: internal error"));
  const statement: object = { bind: () => statement, first: fail, run: fail, all: fail, raw: fail };
  return { prepare: () => statement, batch: fail, exec: fail };
}

/** Asks the BFF as users who are not in the shard's memory. */
async function bffOver(database: object) {
  const { kty, crv, x, kid } = gatewayKey.publicJwk;
  const fetchBff = wireApp({
    ...guardBindings(),
    INTERNAL_JWKS: JSON.stringify({ keys: [{ kty, crv, x, kid }] }),
    IDENTITY: hungService(),
    WALLET: hungService(),
    SAVINGS: hungService(),
    HISTORY: await historyOfOneShard(database),
  } as never);
  const mint = internalTokenMinter(gatewayKey.privateJwk, Date.now);
  const ask = async (userId: string, method: string, path: string, body?: object): Promise<Response> => {
    const token = await mint({ userId, sessionId: `s-${userId}`, roles: ["user"] }, "playhead-app-bff");
    return fetchBff(
      new Request(`http://bff/v1/history${path}`, {
        method,
        headers: {
          "x-internal-token": token,
          "x-deadline-ms": "970",
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
      {},
    );
  };
  await ask("nobody", "GET", "/nowhere");
  return ask;
}

beforeEach(() => {
  vi.clearAllTimers();
  forgetGuards();
});

const REPORTS = { reports: [{ kind: "video", itemId: "film", positionMs: 20_000 }] };
const REFUSED = [
  ["GET", "/changes"],
  ["GET", "/export"],
  ["PUT", "/video/film", { dismissed: true }],
] as const;

describe.each([
  ["hangs", hungD1],
  ["fails", failingD1],
] as const)("while a database %s", (_how, database) => {
  it.each(REFUSED)("%s %s is refused, and no breaker of shard or history opens for it", async (...asked) => {
    const ask = await bffOver(database());
    const answers: Response[] = [];
    const [method, path, body] = asked;
    const isShardOpen = await opens(
      "history-shard",
      async (index) => {
        answers.push(await ask(`user-${index}`, method, path, body));
      },
      { rounds: 4 },
    );
    expect([isShardOpen, await isOpen("history")]).toEqual([false, false]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    const problems = (await Promise.all(answers.map((answer) => answer.json()))) as { code: string }[];
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["UNAVAILABLE"]));
    expect(answers.every(({ headers }) => Number(headers.get("retry-after")) >= 1)).toBe(true);
    const reported = await ask("ada", "POST", "/reports", REPORTS);
    expect([reported.status, await reported.json()]).toMatchObject([200, { accepted: 1 }]);
  });

  it("a delete, a clear and a pause are done", async () => {
    const ask = await bffOver(database());
    const shown = async (userId: string, path: string): Promise<unknown> => {
      const answers: unknown[] = [];
      const look = async () => void answers.push(await (await ask(userId, "GET", path)).json());
      await opens("history-shard", look, { atOnce: 1 });
      return answers[0];
    };
    await ask("ada", "POST", "/reports", REPORTS);
    expect(await shown("ada", "")).toMatchObject({ items: [{ itemId: "film" }] });
    const statuses: number[] = [];
    await opens("history-shard", async (index) => {
      const [method, path, body] = (
        [
          ["DELETE", "/video/film"],
          ["DELETE", ""],
          ["PUT", "/settings", { paused: true }],
        ] as const
      )[index % 3] ?? ["DELETE", ""];
      statuses.push((await ask(index === 0 ? "ada" : `user-${index}`, method, path, body)).status);
    });
    expect(new Set(statuses)).toEqual(new Set([204, 200]));
    expect(await shown("ada", "")).toMatchObject({ items: [] });
    expect(await shown("user-2", "/settings")).toEqual({ paused: true });
    expect([await isOpen("history-shard"), await isOpen("history")]).toEqual([false, false]);
  });
});
