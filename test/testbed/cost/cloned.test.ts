import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cloned } from "../../../testbed/cost/cloned.ts";

const anything = fc.anything({
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withBigInt: true,
  withSparseArray: true,
});

describe("a clone that is not made by structuredClone", () => {
  it("is what that makes of it, and shares nothing with it", () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(cloned(value)).toStrictEqual(structuredClone(value));
      }),
    );
    const inner = { positions: [1, { at: 2 }], bytes: new Uint8Array([1, 2]) };
    const clone = cloned(inner);
    inner.positions.push(3);
    inner.bytes[0] = 9;
    expect(clone).toEqual({ positions: [1, { at: 2 }], bytes: new Uint8Array([1, 2]) });
  });

  it("refuses what that refuses", () => {
    expect(() => cloned({ call: () => 1 })).toThrow(/could not be cloned/);
    expect(() => cloned([Symbol("a")])).toThrow(/could not be cloned/);
  });
});
