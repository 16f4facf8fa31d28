import { describe, expect, it } from "vitest";
import { readCommand, readCommands } from "../../../bridge/redis-rest/read-commands.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

describe("a command", () => {
  it("has its numbers as they were written, its booleans as words and its strings as they are", () => {
    expect(readCommand(bytes('["set","żółć \\u0000",9007199254740993,-0.5,1e21,true]'))).toEqual({
      name: "set",
      args: ["żółć \0", "9007199254740993", "-0.5", "1e21", "true"],
    });
  });

  it("has each number as it was written, whatever else it holds", () => {
    for (const number of ["123456789012345.678901", "1.0", "1e4", "1E4", "-0", "0.10", "100"]) {
      expect(readCommand(bytes(`["set","k",${number}]`)).args).toEqual(["k", number]);
      expect(readCommand(bytes(`["set","1234567890123456",${number}]`)).args).toEqual([
        "1234567890123456",
        number,
      ]);
    }
  });

  it.each([
    "",
    "{",
    "null",
    '"GET"',
    "[]",
    '[""]',
    '["GET",null]',
    '["GET",["k"]]',
    '["GET",{}]',
    '["GET","\\udc00"]',
  ])("is not %s", (text) => {
    expect(() => readCommand(bytes(text))).toThrow(expect.objectContaining({ status: 400 }));
  });

  it("is not read from bytes that are no UTF-8", () => {
    expect(() => readCommand(new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]))).toThrow("not JSON in UTF-8");
  });
});

describe("several commands", () => {
  it("are at least one", () => {
    expect(readCommands(bytes('[["GET","k"],["PING"]]'))).toHaveLength(2);
    for (const text of ["[]", "{}", '["GET","k"]', "[[]]"])
      expect(() => readCommands(bytes(text))).toThrow(expect.objectContaining({ status: 400 }));
  });
});
