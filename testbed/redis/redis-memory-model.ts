/*
 * What a string key takes in Redis 7.0 on 64 bits with jemalloc, added up from its sources (dict.h,
 * object.c, sds.c, jemalloc's size classes).
 */

const DICT_ENTRY = 24;
const OBJECT_HEADER = 16;
const POINTER = 8;
const TABLE_MIN = 4;
/** A value of up to 44 bytes shares its object's allocation: 16 + 3 + 44 + 1 fill a class of 64. */
export const EMBEDDED_LENGTH_MAX = 44;

/** Bytes of one key by what they are for. */
export interface KeyMemory {
  readonly entry: number;
  readonly key: number;
  readonly value: number;
  /** Its share of the hash table, a power of two of pointers. */
  readonly table: number;
  readonly total: number;
}

export function keyMemory({
  keyLength,
  valueLength,
  keys,
}: {
  readonly keyLength: number;
  readonly valueLength: number;
  readonly keys: number;
}): KeyMemory {
  const entry = allocated(DICT_ENTRY);
  const key = allocated(stringLength(keyLength, { short: true }));
  const value =
    valueLength <= EMBEDDED_LENGTH_MAX
      ? allocated(OBJECT_HEADER + stringLength(valueLength))
      : allocated(OBJECT_HEADER) + allocated(stringLength(valueLength));
  const table = allocated(tableLength(keys) * POINTER) / keys;
  return { entry, key, value, table, total: entry + key + value + table };
}

/**
 * A string with its header, which holds the length in as many bytes as that needs, and the NUL at
 * its end. Only strings that never grow may have the short header.
 */
function stringLength(length: number, { short = false } = {}): number {
  const header = short && length < 32 ? 1 : length < 256 ? 3 : length < 65_536 ? 5 : 9;
  return header + length + 1;
}

/** It doubles when there are as many keys as places. */
function tableLength(keys: number): number {
  return Math.max(TABLE_MIN, 2 ** Math.ceil(Math.log2(keys)));
}

/**
 * What jemalloc hands out for so many bytes: 8, multiples of 16 up to 128, then four steps to each
 * doubling.
 */
export function allocated(bytes: number): number {
  if (bytes <= 8) return 8;
  if (bytes <= 128) return Math.ceil(bytes / 16) * 16;
  const step = 2 ** (Math.ceil(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
