import type { TopicPartition } from "./topic-partition.ts";

/** A record as both a fetch and a group's stream have it. */
export interface StoredRecord extends TopicPartition {
  readonly offset: bigint;
  readonly timestamp: bigint;
  readonly key: Uint8Array | null | undefined;
  readonly value: Uint8Array | null | undefined;
  readonly headers: Iterable<readonly [Uint8Array | null, Uint8Array | null]>;
}

/** A message as clients read it. */
export interface MessageJson extends TopicPartition {
  readonly offset: number;
  readonly timestamp: number;
  /** Empty where there is none: clients take it for a string. */
  readonly key: string;
  readonly value: string;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/** Of its texts. */
export function bytesOf({ key, value, headers }: Pick<StoredRecord, "key" | "value" | "headers">): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, content] of headers) bytes += (name?.length ?? 0) + (content?.length ?? 0);
  return bytes;
}

/** The dialect knows text only: bytes that are no UTF-8 are shown as U+FFFD. */
export function messageJson({
  topic,
  partition,
  offset,
  timestamp,
  key,
  value,
  headers,
}: StoredRecord): MessageJson {
  return {
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: textOf(key),
    value: textOf(value),
    headers: Array.from(headers, ([name, content]) => ({ key: textOf(name), value: textOf(content) })),
  };
}

function textOf(bytes: Uint8Array | null | undefined): string {
  if (bytes == null) return "";
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
