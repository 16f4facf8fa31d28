import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtobufError, ProtobufReader, ProtobufWriter } from "../../src/protocol/protobuf.ts";

function fieldsOf(bytes: Uint8Array, read: (reader: ProtobufReader) => unknown): unknown[] {
  const reader = new ProtobufReader(bytes);
  const values: unknown[] = [];
  while (reader.next()) values.push(read(reader));
  return values;
}

describe("the protobuf wire format", () => {
  it("writes the bytes of the specification's examples", () => {
    const writer = new ProtobufWriter();
    writer.uint(1, 150);
    writer.text(2, "testing");
    expect([...writer.finish()]).toEqual([
      0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67,
    ]);
  });

  it.each([
    [0, 0],
    [-1, 1],
    [1, 2],
    [-2, 3],
    [0x7fffffff, 0xfffffffe],
    [-0x80000000, 0xffffffff],
  ])("zigzags %i to %i", (value, encoded) => {
    const writer = new ProtobufWriter();
    writer.sint(1, value);
    expect(fieldsOf(writer.finish(), (reader) => reader.uint())).toEqual([encoded]);
  });

  it("gives back unsigned, signed and text values of any size", () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
        fc.string({ unit: "grapheme" }),
        (uint, sint, text) => {
          const writer = new ProtobufWriter();
          writer.uint(1, uint);
          writer.sint(2, sint);
          writer.text(3, text);
          const read = fieldsOf(writer.finish(), (reader) =>
            reader.field === 1 ? reader.uint() : reader.field === 2 ? reader.sint() : reader.text(),
          );
          expect(read).toEqual([uint, sint, text]);
        },
      ),
    );
  });

  it("skips fields that nobody reads", () => {
    const writer = new ProtobufWriter();
    writer.text(1, "skipped");
    writer.uint(2, 300);
    writer.uint(3, 7);
    const reader = new ProtobufReader(writer.finish());
    const seen: number[] = [];
    while (reader.next()) if (reader.field === 3) seen.push(reader.uint());
    expect(seen).toEqual([7]);
  });

  it.each([
    ["a varint without an end", [0x08, 0x80]],
    ["a varint above 2^53", [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ["a field longer than the message", [0x0a, 0x05, 0x61]],
    ["an unknown wire type", [0x0b, 0x00]],
  ])("refuses %s", (_name, bytes) => {
    const reader = new ProtobufReader(new Uint8Array(bytes));
    expect(() => {
      while (reader.next());
    }).toThrow(ProtobufError);
  });

  it("refuses to write what is not an unsigned integer below 2^53", () => {
    for (const value of [-1, 1.5, 2 ** 53, Number.NaN])
      expect(() => new ProtobufWriter().uint(1, value)).toThrow(RangeError);
  });
});
