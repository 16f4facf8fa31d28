import { describe, expect, it } from "vitest";
import { CodedError, wrap } from "../../src/contracts/errors.ts";
import { problemBody } from "../../src/contracts/problem-body.ts";

describe("an error as the JSON of a problem", () => {
  it("says what a client may know, and what the caller adds", () => {
    const error = wrap(
      new CodedError("INVALID", "2 values are wrong", { errors: [{ path: "a", message: "b" }] }),
      "report",
    );
    expect(problemBody(error, { retryAfterMs: 5 })).toEqual({
      type: "urn:playhead:problem:invalid",
      title: "Invalid values",
      status: 422,
      detail: "2 values are wrong",
      code: "INVALID",
      errors: [{ path: "a", message: "b" }],
      retryAfterMs: 5,
    });
  });

  it("says nothing of an error that nobody gave a code", () => {
    expect(problemBody(new Error("D1 password is 123"), {})).toEqual({
      type: "urn:playhead:problem:internal",
      title: "Internal error",
      status: 500,
      detail: "Internal error",
      code: "INTERNAL",
    });
  });

  it("shows twenty rejected fields at most", () => {
    const errors = Array.from({ length: 100 }, (_, index) => ({ path: `reports.${index}`, message: "bad" }));
    expect(problemBody(new CodedError("INVALID", "bad", { errors }), {}).errors).toEqual(errors.slice(0, 20));
  });
});
