import { afterEach, describe, expect, it, vi } from "vitest";
import { describeCauses } from "../../../src/contracts/errors.ts";
import { checkHotStore } from "../../../src/history/data/check-hot-store.ts";
import { RedisValues } from "../../../src/history/data/redis-values.ts";
import { recordOf } from "../../support/databases/history-records.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

afterEach(() => void vi.unstubAllGlobals());

/** Values in Redis whose endpoints answer as they are told to. */
function valuesOver(...endpoints: readonly ((body: string) => Response)[]): RedisValues {
  vi.stubGlobal("fetch", async (url: string, { body }: { readonly body: string }) => {
    const at = Number(/redis-(\d+)/.exec(url)?.[1]);
    return endpoints[at]?.(body) ?? Response.error();
  });
  return new RedisValues({
    endpoints: endpoints.map((_, at) => ({
      name: `e${at}`,
      url: `https://redis-${at}.example`,
      token: "a-token",
      guard: testGuard(),
    })),
    takesNew: true,
    timeoutMs: 1_000,
    random: () => 0,
    onUnreadable: () => undefined,
  });
}

const record = recordOf({ userId: "some-user", itemId: "some-item" });

describe("values in Redis", () => {
  it("say of a failure what Redis has said, and nothing of what was sent", async () => {
    const values = valuesOver(() => Response.json({ error: "OOM command not allowed" }, { status: 400 }));
    const failure = await values.put("e0", [record]).catch((error: unknown) => error);
    expect(describeCauses(failure)).toContain("OOM command not allowed");
    expect(describeCauses(failure)).not.toMatch(/some-user|some-item|a-token|redis\.call/);
  });

  it("say nothing of an answer that can't be read", async () => {
    const values = valuesOver(() => new Response('{"result":["some-user'));
    const failure = await values.get("e0", [record]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(describeCauses(failure)).not.toContain("some-user");
  });
});

it("the check of endpoints says what each does, also where another doesn't answer", async () => {
  const values = valuesOver(
    () => Response.error(),
    () => Response.json({ result: "# Memory\r\nmaxmemory_policy:allkeys-lru\r\n" }),
  );
  const told: unknown[] = [];
  const logger = { error: (...line: unknown[]) => void told.push(line), warn: () => undefined };
  await expect(checkHotStore(values, logger)).rejects.toThrow("call Redis");
  expect(told).toEqual([["hot store may evict what is pending", { endpoint: "e1", policy: "allkeys-lru" }]]);
});
