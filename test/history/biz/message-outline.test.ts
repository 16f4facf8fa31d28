import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outlineOf } from "../../../src/history/biz/message-outline.ts";

describe("the outline of a message", () => {
  it("shows fields, types and lengths", () => {
    expect(outlineOf({ type: "flush", shard: 3, users: [["ada-lovelace", ["video/m1", "video/m2"]]] })).toBe(
      "{3: type: string(5), shard: number, users: [1: [2: string(12), [2: string(8), string(8)]]]}",
    );
    expect(outlineOf({ states: ["ada"] })).toBe("{1: states: [1: string(3)]}");
    expect(outlineOf({ "ada-lovelace": null, type: true })).toBe("{2: name(12): null, type: boolean}");
  });

  it("holds no text of the message, be it a value or a name", () => {
    const secret = "4f0c-Ada";
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        fc.constant(secret),
        fc.array(tie("tree"), { maxLength: 12 }),
        fc.dictionary(fc.constantFrom(secret, "users", `${secret}2`), tie("tree")),
      ),
    }));
    fc.assert(
      fc.property(tree, (message) => {
        expect(outlineOf(message)).not.toContain(secret);
      }),
    );
  });

  it("has at most 1,000 characters, however wide and deep the message is", () => {
    const wide = (depth: number): unknown =>
      depth === 0 ? "x" : Array.from({ length: 12 }, () => wide(depth - 1));
    expect(outlineOf(wide(5)).length).toBeLessThanOrEqual(1_000);
    let deep: unknown = "x";
    for (let level = 0; level < 5_000; level += 1) deep = [deep];
    expect(outlineOf(deep).length).toBeLessThanOrEqual(1_000);
    expect(outlineOf(undefined)).toBe("undefined");
  });
});
