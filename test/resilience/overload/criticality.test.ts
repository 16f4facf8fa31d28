import { expect, it } from "vitest";
import { CRITICALITY_SHARE } from "../../../src/resilience/overload/criticality.ts";

it("leaves something to each class that those below it can't take", () => {
  const { critical_plus: all, critical, sheddable_plus: sheddablePlus, sheddable } = CRITICALITY_SHARE;
  expect([all, critical, sheddablePlus, sheddable]).toEqual([1, 0.9, 0.7, 0.5]);
});
