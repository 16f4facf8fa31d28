import { describe, expect, it } from "vitest";
import {
  CodedError,
  codeOf,
  describeCauses,
  hintsOf,
  isCode,
  isRetryable,
  publicDetail,
  wrap,
} from "../../src/contracts/errors.ts";

const refused = new CodedError("INVALID", "The kind is odd", { errors: [{ path: "kind", message: "odd" }] });

describe("a wrapped error", () => {
  it("keeps code, hints and cause, and adds what was being done", () => {
    const wrapped = wrap(wrap(refused, "check a report"), "take reports");
    expect(isCode(wrapped, "INVALID")).toBe(true);
    expect(hintsOf(wrapped).errors).toEqual([{ path: "kind", message: "odd" }]);
    expect(describeCauses(wrapped)).toBe("take reports <- check a report <- The kind is odd");
    expect(publicDetail(wrapped)).toBe("The kind is odd");
  });

  it("is told apart by its code also when its class was lost on the way", () => {
    const crossed: unknown = Object.assign(new Error("taken"), { code: "CONFLICT" });
    expect(isCode(wrap(crossed, "register"), "CONFLICT")).toBe(true);
  });

  it("tells a client nothing of ours from status 500 on", () => {
    expect(publicDetail(wrap(new Error("D1_ERROR: no such table"), "read", "UNAVAILABLE"))).toBe(
      "Temporarily unavailable",
    );
    expect(publicDetail(new TypeError("x is undefined"))).toBe("Internal error");
  });
});

describe("a retry", () => {
  it("makes sense for what is unavailable, unless a layer below has retried or is overloaded", () => {
    expect(isRetryable(new CodedError("UNAVAILABLE", "away"))).toBe(true);
    expect(isRetryable(new CodedError("UNAVAILABLE", "away", { alreadyRetried: true }))).toBe(false);
    expect(
      isRetryable(wrap(Object.assign(new Error("busy"), { overloaded: true }), "call", "UNAVAILABLE")),
    ).toBe(false);
    expect(isRetryable(refused)).toBe(false);
  });
});

describe("a foreign error", () => {
  it("is a bug of ours, also one whose causes run in a circle", () => {
    const circular = new Error("a");
    circular.cause = circular;
    expect([codeOf(circular), codeOf("text"), codeOf({ code: "SQLITE_BUSY" })]).toEqual([
      "INTERNAL",
      "INTERNAL",
      "INTERNAL",
    ]);
  });
});
