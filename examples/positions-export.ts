import { open, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FixedLengthDecoder } from "../src/protocol/fixed-length-decoder.ts";
import { FixedLengthEncoder } from "../src/protocol/fixed-length-encoder.ts";
import { FrameDecoderStream } from "../src/protocol/frame-decoder-stream.ts";
import { FrameEncoderStream } from "../src/protocol/frame-encoder-stream.ts";

/*
 * Frames of a fixed length: an export of positions as a table of fixed cells. Row n begins at n ×
 * the row's length, so a reader may begin anywhere, and the file's size tells whether it is whole.
 *
 *   npx node examples/positions-export.ts
 */

export interface Position {
  readonly kind: "video" | "audio";
  /** At most 46 bytes of UTF-8: a fixed cell is a limit, and what isn't used of it is wasted. */
  readonly itemId: string;
  readonly positionMs: number;
  readonly watchedAtMs: number;
}

/**
 * kind u8 | length of itemId u8 | itemId, filled up with zeros, 46 bytes | positionMs f64 |
 * watchedAtMs f64, big endian.
 */
export const ROW_LENGTH = 64;
const ITEM_ID_LENGTH_MAX = 46;
const ITEM_ID_AT = 2;
const KINDS = ["video", "audio"] as const;

const row = new FixedLengthEncoder({ frameLength: ROW_LENGTH });

const positions = {
  /** @throws RangeError for an itemId that is too long for its cell */
  encode({ kind, itemId, positionMs, watchedAtMs }: Position): Uint8Array {
    const id = new TextEncoder().encode(itemId);
    if (id.length > ITEM_ID_LENGTH_MAX)
      throw new RangeError(`itemId has ${id.length} bytes, its cell ${ITEM_ID_LENGTH_MAX}`);
    const bytes = new Uint8Array(ROW_LENGTH);
    bytes.set([KINDS.indexOf(kind), id.length]);
    bytes.set(id, ITEM_ID_AT);
    const view = new DataView(bytes.buffer);
    view.setFloat64(48, positionMs);
    view.setFloat64(56, watchedAtMs);
    return row.encode(bytes);
  },
};

function positionOf(bytes: Uint8Array): Position {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ROW_LENGTH);
  const kind = KINDS[view.getUint8(0)];
  const length = view.getUint8(1);
  if (kind === undefined || length > ITEM_ID_LENGTH_MAX) throw new RangeError("a row holds no position");
  const itemId = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
    bytes.subarray(ITEM_ID_AT, ITEM_ID_AT + length),
  );
  return { kind, itemId, positionMs: view.getFloat64(48), watchedAtMs: view.getFloat64(56) };
}

/** The rows as bytes. */
export function exportPositions(rows: ReadableStream<Position>): ReadableStream<Uint8Array> {
  return rows.pipeThrough(new FrameEncoderStream(positions));
}

/**
 * The rows of an export, however its bytes come. An export that was cut within a row is an error at
 * its end.
 */
export async function* importPositions(bytes: ReadableStream<Uint8Array>): AsyncGenerator<Position> {
  const frames = bytes.pipeThrough(
    new FrameDecoderStream(new FixedLengthDecoder({ frameLength: ROW_LENGTH })),
  );
  for await (const frame of frames) yield positionOf(frame);
}

async function main(): Promise<void> {
  const rows = Array.from({ length: 1_000 }, (_, index): Position => {
    return {
      kind: "video",
      itemId: `episode-${index}`,
      positionMs: index * 1_000,
      watchedAtMs: 1_790_000_000_000 + index,
    };
  });
  const folder = await mkdtemp(join(tmpdir(), "playhead-positions-"));
  const path = join(folder, "positions.bin");
  await writeFile(path, exportPositions(streamOf(rows)));
  const file = await open(path);
  const pieces = file.createReadStream({ highWaterMark: 100, autoClose: false });
  let count = 0;
  for await (const position of importPositions(streamOf(pieces)))
    count += position.itemId.startsWith("episode-") ? 1 : 0;
  const { buffer } = await file.read(new Uint8Array(ROW_LENGTH), 0, ROW_LENGTH, 700 * ROW_LENGTH);
  console.log(
    `${count} rows of ${ROW_LENGTH} bytes, read in pieces of 100; row 700, read alone: ${JSON.stringify(positionOf(buffer))}`,
  );
  await file.close();
  await rm(folder, { recursive: true });
}

/** As the platform's `ReadableStream.from`. */
export function streamOf<Value>(values: Iterable<Value> | AsyncIterable<Value>): ReadableStream<Value> {
  const rest = Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]();
  return new ReadableStream<Value>({
    async pull(controller) {
      const { done, value } = await rest.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}

if (import.meta.main) await main();
