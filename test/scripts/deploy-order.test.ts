import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deployOrder, type Deployable } from "../../scripts/tooling/deploy-order.ts";

const order = (needs: Readonly<Record<string, readonly string[]>>) =>
  deployOrder(Object.entries(needs).map(([name, list]) => ({ name, needs: list }))).map(({ name, without }) =>
    without.length === 0 ? name : `${name} without ${without.join("+")}`,
  );

describe("the order of deployment", () => {
  it("puts each worker after those it calls", () => {
    expect(
      order({ gateway: ["bff"], bff: ["history", "identity"], identity: ["history"], history: [] }),
    ).toEqual(["history", "identity", "bff", "gateway"]);
  });

  it("deploys one of two that call each other twice, first without the other", () => {
    expect(order({ wallet: ["savings"], savings: ["wallet"] })).toEqual([
      "savings without wallet",
      "wallet",
      "savings",
    ]);
  });

  it("completes a worker as soon as the one it waited for exists", () => {
    expect(order({ app: ["history"], history: ["realtime"], realtime: ["history"] })).toEqual([
      "history without realtime",
      "app",
      "realtime",
      "history",
    ]);
  });

  it("deploys a worker that is bound to itself twice", () => {
    expect(order({ self: ["self"] })).toEqual(["self without self", "self"]);
  });

  it("never leaves a binding out of a worker that only stands behind a cycle", () => {
    expect(order({ a: ["b"], b: ["a"], behind: ["a", "b"] })).toEqual(["a without b", "b", "a", "behind"]);
  });

  it("refuses a binding to a worker that is not there", () => {
    expect(() => order({ a: ["ghost"] })).toThrow(
      new RangeError("a is bound to ghost, which is no worker of the project"),
    );
  });

  it("holds for any bindings: nothing is called before it exists, and everything ends up whole", () => {
    const graph = fc.integer({ min: 1, max: 7 }).chain((count) => {
      const names = Array.from({ length: count }, (_, index) => `w${index}`);
      return fc.tuple(
        ...names.map((name) => fc.subarray(names).map((needs): Deployable => ({ name, needs }))),
      );
    });
    fc.assert(
      fc.property(graph, (workers) => {
        const existing = new Set<string>();
        const whole: string[] = [];
        for (const { name, without } of deployOrder(workers)) {
          const needs = workers.find((worker) => worker.name === name)?.needs ?? [];
          const missing = needs.filter((need) => !existing.has(need));
          expect(new Set(without)).toEqual(new Set(missing));
          existing.add(name);
          if (without.length === 0) whole.push(name);
        }
        expect(whole.toSorted()).toEqual(workers.map(({ name }) => name).toSorted());
      }),
    );
  });
});
