import { describe, expect, it } from "vitest";
import { CodedError, codeOf } from "../../../src/contracts/errors.ts";
import { d1Error, isRefusedByD1, objectError } from "../../../src/platform/database/platform-errors.ts";
import { HystrixBreaker } from "../../../src/resilience/breaker/hystrix-breaker.ts";
import { testGuard } from "../../support/workers/test-guard.ts";

/** As a guard hands on what a database that is well has refused. */
const guarded = (cause: Error): CodedError =>
  new CodedError("INVALID", "write the database", {
    cause: new CodedError("INVALID", "the database refused the data", { cause }),
  });

describe("the platform's words", () => {
  it("are no words of ours: an error that has a code and repeats what somebody sent is not at the cap", () => {
    const sent = "he exceeded the account's spending cap";
    expect(codeOf(d1Error(new CodedError("CONFLICT", `"${sent}" is taken`), "write"))).toBe("CONFLICT");
    expect(codeOf(objectError(new CodedError("NOT_FOUND", sent), "ask"))).toBe("NOT_FOUND");
  });

  it("are looked for so far down a chain of causes, and no further", () => {
    const endless = new Error("away");
    endless.cause = new Error("further down", { cause: endless });
    expect(codeOf(objectError(endless, "ask"))).toBe("UNAVAILABLE");
  });
});

describe("a failed D1 call", () => {
  it.each([
    ["D1_ERROR: CHECK constraint failed: total >= 0: SQLITE_CONSTRAINT_CHECK", "INVALID", true],
    ["D1_ERROR: NOT NULL constraint failed: t.c: SQLITE_CONSTRAINT", "INVALID", true],
    ["cannot store TEXT value in INTEGER column t.c: SQLITE_CONSTRAINT", "INVALID", true],
    ["D1_ERROR: UNIQUE constraint failed: t.c: SQLITE_CONSTRAINT", "INTERNAL", true],
    ["D1_ERROR: malformed JSON: SQLITE_ERROR", "INTERNAL", true],
    ["D1_ERROR: string or blob too big: SQLITE_TOOBIG", "INTERNAL", true],
    ["D1_ERROR: D1 DB is overloaded. Too many requests queued.", "UNAVAILABLE", false],
    ["Network connection lost.", "UNAVAILABLE", false],
    ["D1_ERROR: Exceeded the account's spending cap for D1", "SPENDING_CAP", false],
  ])("that says %s is %s, behind a guard too", (message, code, isRefused) => {
    const cause = new Error(message);
    expect(isRefusedByD1(cause)).toBe(isRefused);
    expect(codeOf(d1Error(cause, "write"))).toBe(code);
    expect(codeOf(d1Error(isRefused ? guarded(cause) : cause, "write"))).toBe(code);
  });

  it("keeps what its guard says of it", () => {
    const open = new CodedError("CIRCUIT_OPEN", "left alone", { retryAfterMs: 700, mustNotRetry: true });
    expect(d1Error(open, "write")).toMatchObject({
      code: "CIRCUIT_OPEN",
      message: "write",
      retryAfterMs: 700,
      mustNotRetry: true,
    });
  });
});

describe("a statement that is refused however often it is tried", () => {
  const refused = guarded(new Error("D1_ERROR: UNIQUE constraint failed: t.c: SQLITE_CONSTRAINT"));
  const plan = { kind: "write", idempotent: true, deadlineAtMs: Number.POSITIVE_INFINITY } as const;

  it("is tried once by whoever calls the service, and no failure of it: one bad row closes it for nobody", async () => {
    const breaker = new HystrixBreaker();
    const guard = testGuard({ now: () => 1, breaker });
    let sent = 0;
    for (let call = 0; call < 50; call += 1) {
      const answer = guard.call("transfer", plan, async () => {
        sent += 1;
        throw d1Error(refused, "open a transfer");
      });
      await expect(answer).rejects.toMatchObject({ mustNotRetry: true });
    }
    expect([sent, breaker.view(1).state]).toEqual([50, "closed"]);
  });
});

describe("a failed call of an object", () => {
  it("is the object's own error where it has a code, and says it once", () => {
    const own = new CodedError("CONFLICT", "no");
    expect(objectError(own, "ask")).toBe(own);
  });

  it("is OVERLOADED where the platform says so, UNAVAILABLE otherwise", () => {
    expect(codeOf(objectError(Object.assign(new Error("busy"), { overloaded: true }), "ask"))).toBe(
      "OVERLOADED",
    );
    expect(codeOf(objectError(new Error("reset"), "ask"))).toBe("UNAVAILABLE");
    expect(codeOf(objectError(null, "ask"))).toBe("UNAVAILABLE");
  });

  it("is SPENDING_CAP where the account may spend no more, also where its own SQL was refused", () => {
    const refused = new Error("Exceeded the account's spending cap for Durable Objects");
    expect(codeOf(objectError(refused, "ask"))).toBe("SPENDING_CAP");
    expect(codeOf(objectError(new Error("write a row", { cause: refused }), "ask"))).toBe("SPENDING_CAP");
  });
});
