import { describe, expect, it } from "vitest";
import { murmur3 } from "../../../src/resilience/hash/murmur3.ts";

describe("murmur3", () => {
  it.each([
    ["", 0, 0x00000000],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["a", 0x9747b28c, 0x7fa09ea6],
    ["aa", 0x9747b28c, 0x5d211726],
    ["aaa", 0x9747b28c, 0x283e0130],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["abc", 0, 0xb3dd93fa],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
  ])("agrees with the published vector for %j with seed %i", (key, seed, expected) => {
    expect(murmur3(key, seed)).toBe(expected);
  });
});
