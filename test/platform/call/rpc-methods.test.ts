import { describe, expect, it } from "vitest";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import { ENDLESS } from "../../../src/platform/call/patience.ts";
import { currentPatience } from "../../../src/platform/call/current-patience.ts";
import { rpcMethods } from "../../../src/platform/call/rpc-methods.ts";

const CTX: CallContext = { requestId: "r-1", traceparent: "", remainingMs: 250, principal: null };
const run = rpcMethods((env: { readonly name: string }) => ({ now: () => 1_000, name: env.name }));

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
    const unwired = rpcMethods((): { now: () => number } => {
      throw new RangeError("bad var");
    });
    await expect(unwired({}, CTX, () => null)).rejects.toThrow("bad var");
  });
});
