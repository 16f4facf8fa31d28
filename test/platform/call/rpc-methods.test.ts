import { beforeEach, describe, expect, it } from "vitest";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import { ENDLESS } from "../../../src/platform/call/patience.ts";
import { currentPatience } from "../../../src/platform/call/current-patience.ts";
import { rpcMethods, type RpcDeps } from "../../../src/platform/call/rpc-methods.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { Logger } from "../../../src/platform/logger.ts";

const CTX: CallContext = { requestId: "r-1", traceparent: "", remainingMs: 250, principal: null };
const lines: unknown[] = [];
const noted: Logger["info"] = (event, fields) => void lines.push({ event, ...fields });
const logger: Logger = { debug: noted, info: noted, warn: noted, error: noted };
const clock = { nowMs: 1_000 };
const now = (): number => clock.nowMs;
const run = rpcMethods((env: { readonly name: string }) => ({ now, logger, name: env.name }));

beforeEach(() => void lines.splice(0));

describe("an RPC method", () => {
  it("runs over its isolate's parts, within the time that its caller has left", async () => {
    const seen = await run({ name: "ledger" }, { ...CTX, isHurried: true }, async ({ name }) => {
      await Promise.resolve();
      return { name, ...currentPatience() };
    });
    expect(seen).toMatchObject({ name: "ledger", deadlineAtMs: 1_250, isHurried: true });
    expect(currentPatience()).toBe(ENDLESS);
  });

  it("does nothing where its context is not as the contract has it", async () => {
    let ran = false;
    const call = run({ name: "ledger" }, { ...CTX, remainingMs: Number.NaN }, () => (ran = true));
    await expect(call).rejects.toMatchObject({ code: "INVALID", errors: [{ path: "ctx.remainingMs" }] });
    expect(ran).toBe(false);
  });

  it("rejects with whatever is thrown at once, by the composition root too", async () => {
    await expect(
      run({ name: "x" }, CTX, () => {
        throw new RangeError("bad argument");
      }),
    ).rejects.toThrow("bad argument");
    const unwired = rpcMethods((): RpcDeps => {
      throw new RangeError("bad var");
    });
    await expect(unwired({}, CTX, () => null)).rejects.toThrow("bad var");
  });

  it("has no line of its own where its request has none, failed or not", async () => {
    await run({ name: "x" }, CTX, () => null);
    await run({ name: "x" }, CTX, () => Promise.reject(new Error("away"))).catch(() => null);
    expect(lines).toEqual([]);
  });

  it("has one line where its request is logged, with its time and what it stands for", async () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const ctx = { ...CTX, traceparent, logWeight: 100 };
    await run({ name: "x" }, ctx, async () => void (clock.nowMs += 7));
    const failed = run({ name: "x" }, { ...ctx, logWeight: 1 }, () => {
      throw new CodedError("INSUFFICIENT_FUNDS", "too little");
    });
    await expect(failed).rejects.toMatchObject({ code: "INSUFFICIENT_FUNDS" });
    const known = { event: "call", requestId: "r-1", traceId: "a".repeat(32) };
    expect(lines).toEqual([
      { ...known, ms: 7, sample: 100 },
      { ...known, ms: 0, code: "INSUFFICIENT_FUNDS" },
    ]);
  });

  it("takes no weight that is none", async () => {
    const call = run({ name: "x" }, { ...CTX, logWeight: 0 }, () => null);
    await expect(call).rejects.toMatchObject({ code: "INVALID", errors: [{ path: "ctx.logWeight" }] });
  });
});
