/**
 * The protobuf wire format (protobuf.dev/programming-guides/encoding), as much of it as compact
 * records need: varints, zigzag varints and length-delimited fields. Integers are JavaScript
 * numbers below 2^53.
 */

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const INITIAL_BYTES = 256;
const VARINT_BYTES_MAX = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes that are not the protobuf they should be. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

/**
 * Appends fields to a growing buffer. Fields with a default value (0, "") are the caller's to leave
 * out.
 */
export class ProtobufWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;

  /** An unsigned integer below 2^53. */
  uint(field: number, value: number): void {
    this.#varint(field * 8 + WIRE_VARINT);
    this.#varint(value);
  }

  /** A signed integer in (-2^52, 2^52), small magnitudes being cheap in both directions. */
  sint(field: number, value: number): void {
    this.uint(field, value < 0 ? -2 * value - 1 : 2 * value);
  }

  text(field: number, value: string): void {
    this.#delimited(field, encoder.encode(value));
  }

  /** A message within this one. */
  message(field: number, write: (inner: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter();
    write(inner);
    this.#delimited(field, inner.finish());
  }

  /** The bytes so far, in a buffer of exactly their length. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #delimited(field: number, bytes: Uint8Array): void {
    this.#varint(field * 8 + WIRE_BYTES);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`a varint must be an integer in [0, 2^53), got ${value}`);
    this.#reserve(VARINT_BYTES_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/**
 * Walks over the fields of one message: `while (reader.next()) switch (reader.field) …`. A field
 * that nobody reads is skipped.
 */
export class ProtobufReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #wire = WIRE_VARINT;
  #unread = false;
  field = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.#unread) this.#skip();
    if (this.#at >= this.#bytes.length) return false;
    const key = this.#varint();
    this.field = Math.floor(key / 8);
    this.#wire = key % 8;
    this.#unread = true;
    return true;
  }

  uint(): number {
    this.#expect(WIRE_VARINT);
    return this.#varint();
  }

  sint(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    try {
      return decoder.decode(this.bytes());
    } catch (cause) {
      throw cause instanceof ProtobufError
        ? cause
        : new ProtobufError("a text field is not UTF-8", { cause });
    }
  }

  /** A view of the field's bytes, not a copy. */
  bytes(): Uint8Array {
    this.#expect(WIRE_BYTES);
    const length = this.#varint();
    if (length > this.#bytes.length - this.#at) throw new ProtobufError("a field ends after the message");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #expect(wire: number): void {
    if (this.#wire !== wire || !this.#unread)
      throw new ProtobufError(`field ${this.field} has wire type ${this.#wire}, not ${wire}`);
    this.#unread = false;
  }

  #skip(): void {
    if (this.#wire === WIRE_VARINT) this.uint();
    else if (this.#wire === WIRE_BYTES) this.bytes();
    else throw new ProtobufError(`field ${this.field} has the unknown wire type ${this.#wire}`);
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES_MAX; count += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new ProtobufError("a varint ends after the message");
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new ProtobufError("a varint is 2^53 or more");
  }
}
