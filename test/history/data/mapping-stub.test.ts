import { describe, expect, it } from "vitest";
import { mappingStub } from "../../../src/history/data/mapping-stub.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const NEVER = new Promise<void>(() => undefined);

describe("asking for the shard mapping", () => {
  it("is refused at once where the mapping object is left alone: requests wait before their shard's door", async () => {
    const breaker = new HystrixBreaker();
    for (let call = 0; call < 100; call += 1) breaker.record(0, "failure", "admitted");
    const guard = testGuard({ now: () => 1, timeoutMs: 300, breaker, afterAttempt: () => NEVER });
    const namespace = { idFromName: () => ({}) as DurableObjectId, get: () => ({}) };
    const cell = { name: "main", locationHint: null };
    const refused = mappingStub({ namespace, guard, cell, buckets: 7 })().catch(
      (error: { readonly code: string }) => error.code,
    );
    expect(await Promise.race([refused, later()])).toBe("CIRCUIT_OPEN");
  });

  it("takes nothing from an object of the release before for another cell than main, of which that knows nothing", async () => {
    const ofMain = { version: 1, shards: 16, buckets: 7 };
    const namespace = {
      idFromName: () => ({}) as DurableObjectId,
      get: () => ({ current: async () => ofMain }),
    };
    const ask = (name: string) =>
      mappingStub({
        namespace,
        guard: testGuard({ now: () => 1, timeoutMs: 300 }),
        cell: { name, locationHint: null },
        buckets: 7,
      })();
    expect(await ask("main")).toEqual(ofMain);
    await expect(ask("us")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

/** What a verdict that is waited for would be later than. */
async function later(): Promise<string> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  return "waits for a verdict";
}
