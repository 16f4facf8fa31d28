import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { shardStubs } from "../../../src/history/data/shard-stubs.ts";
import type { RequestScope } from "../../../src/platform/call/request-scope.ts";
import { callAcrossReleases } from "../../../src/platform/call/rpc.ts";
import { guardedRpc } from "../../../src/platform/guard/guarded-rpc.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

const UNKNOWN = new TypeError('The RPC receiver does not implement the method "mark".');
const UNDER_WAY = { code: "UNAVAILABLE", failedBelow: true, mustNotRetry: true, alreadyRetried: true };
const SCOPE: RequestScope = {
  requestId: "r-1",
  traceparent: "",
  principal: null,
  deadlineAtMs: Number.POSITIVE_INFINITY,
};
/** More than opens any breaker. */
const MANY = 100;

interface Service {
  mark(): Promise<string>;
  list(): Promise<string>;
}

/** One of the release before, and how often it was asked. */
function olderService() {
  const state = { asked: 0 };
  const service: Service = {
    mark: async () => {
      state.asked += 1;
      throw UNKNOWN;
    },
    list: async () => "a list",
  };
  return { service, state };
}

describe("a method that a service of the release before doesn't know", () => {
  it("is unavailable for now, and nobody's failure", async () => {
    await expect(callAcrossReleases("mark", () => Promise.reject(UNKNOWN))).rejects.toMatchObject({
      ...UNDER_WAY,
      cause: UNKNOWN,
    });
  });

  it("is asked for once, by whatever guard, and leaves the breaker closed", async () => {
    const { service, state } = olderService();
    const rpc = guardedRpc(service, testGuard());
    for (let round = 0; round < MANY; round += 1)
      await expect(rpc.idempotentWrite(SCOPE, "mark", (of) => of.mark())).rejects.toMatchObject(UNDER_WAY);
    expect(state.asked).toBe(MANY);
    expect(await rpc.read(SCOPE, "list", (of) => of.list())).toBe("a list");
  });

  it("leaves the breaker of a shard closed, too", async () => {
    let asked = 0;
    const settle = async (): Promise<void> => {
      asked += 1;
      throw UNKNOWN;
    };
    const namespace = { idFromName: () => ({}) as DurableObjectId, get: () => ({ settle }) };
    const guard = testGuard();
    const callShard = shardStubs({ namespace, guardOf: () => guard });
    const how = { kind: "write", idempotent: true } as const;
    const call = () => callShard(0, "settle", how, (stub) => stub.settle("ada"));
    for (let round = 0; round < MANY; round += 1) await expect(call()).rejects.toMatchObject(UNDER_WAY);
    expect(asked).toBe(MANY);
  });
});

describe("any other failure", () => {
  it.each([
    new Error("reset"),
    new CodedError("UNAVAILABLE", 'somebody says: does not implement the method "x"'),
    "a text",
  ])("is passed on as it is: %s", async (thrown) => {
    await expect(callAcrossReleases("mark", () => Promise.reject(thrown as Error))).rejects.toBe(thrown);
  });
});

describe("an answer over RPC", () => {
  it("is let go of, and stays what it was", async () => {
    let disposed = 0;
    const answer = { places: [1], [Symbol.dispose]: () => void (disposed += 1) };
    expect((await callAcrossReleases("list", async () => answer)).places).toEqual([1]);
    expect(disposed).toBe(1);
  });

  it("may have nothing to be let go of", async () => {
    for (const answer of [null, 7, "a list", [1]])
      expect(await callAcrossReleases("list", async () => answer)).toEqual(answer);
  });
});
