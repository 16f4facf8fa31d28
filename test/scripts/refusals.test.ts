import { describe, expect, it } from "vitest";
import { Refusals } from "../../scripts/runtime/refusals.ts";

const line = (fields: object): { readonly message: string } => ({ message: JSON.stringify(fields) });

describe("the launcher", () => {
  it("ends with the words of the first worker that refuses to start, as for any bad configuration", () => {
    const refusals = new Refusals();
    refusals.take(line({ event: "worker refused to start", causes: "CELLS: lacks the cell us" }));
    refusals.take(line({ event: "worker refused to start", causes: "another" }));
    expect(() => refusals.throwIfAny()).toThrow(/^CELLS: lacks the cell us$/);
    expect(() => refusals.throwIfAny()).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  it("goes on whatever else is logged", () => {
    const refusals = new Refusals();
    refusals.take(line({ event: "request failed", causes: "worker refused to start" }));
    refusals.take({ message: "worker refused to start {" });
    refusals.take(line({ event: "worker refused to start" }));
    expect(() => refusals.throwIfAny()).not.toThrow();
  });
});
