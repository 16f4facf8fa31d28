import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf } from "../../../src/contracts/errors.ts";
import { AMOUNT_MAX } from "../../../src/contracts/ledger.ts";
import { amountOf } from "../../../src/ledger/biz/amount.ts";

describe("an amount", () => {
  it("is every whole number from 1 to the largest that a double holds exactly", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (value) => {
        expect(amountOf(value)).toBe(value);
      }),
    );
    expect(AMOUNT_MAX).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([0, -1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])("is never %d", (value) => {
    let code: string | null = null;
    try {
      amountOf(value);
    } catch (error) {
      code = codeOf(error);
    }
    expect(code).toBe("INVALID");
  });
});
