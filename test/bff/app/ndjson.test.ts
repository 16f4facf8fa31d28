import { describe, expect, it } from "vitest";
import { ndjsonStream } from "../../../src/bff/app/ndjson.ts";

/** Values that write down when they are looked at. */
function watched(count: number) {
  const seen: number[] = [];
  const values = Array.from({ length: count }, (_, index) => ({
    toJSON: () => (seen.push(index), { index }),
  }));
  return { seen, values };
}

async function chunksOf(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of stream) chunks.push(new TextDecoder().decode(chunk));
  return chunks;
}

describe("NDJSON", () => {
  it.each([
    [0, []],
    [1, [1]],
    [100, [100]],
    [101, [100, 1]],
    [1_000, Array.from({ length: 10 }, () => 100)],
  ])("of %d values has a line for each, and no chunk more than 100", async (count, lines) => {
    const { values } = watched(count);
    const chunks = await chunksOf(ndjsonStream(values));
    expect(chunks.map((chunk) => chunk.split("\n").length - 1)).toEqual(lines);
    const all = chunks.join("");
    expect(all === "" || all.endsWith("\n")).toBe(true);
    expect(all.split("\n").slice(0, -1)).toEqual(values.map((_, index) => JSON.stringify({ index })));
  });

  it("is made as it is read: the first chunk waits for no other", async () => {
    const { seen, values } = watched(1_000);
    const reader = ndjsonStream(values).getReader();
    await reader.read();
    // The one that was read, and the next, which lies ready.
    expect(seen.length).toBeLessThanOrEqual(200);
  });

  it("ends when its reader goes away", async () => {
    const { seen, values } = watched(1_000);
    const reader = ndjsonStream(values).getReader();
    await reader.read();
    await reader.cancel();
    const seenThen = seen.length;
    await new Promise((resolve) => void setImmediate(resolve));
    expect(seen).toHaveLength(seenThen);
    expect((await reader.read()).done).toBe(true);
  });

  it("keeps a line a line, whatever is in it", async () => {
    const [chunk] = await chunksOf(ndjsonStream([{ text: "a\nb" }]));
    expect(chunk).toBe('{"text":"a\\nb"}\n');
  });
});
