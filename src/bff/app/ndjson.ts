/** Lines that are sent at once. */
const LINES_PER_CHUNK = 100;

/**
 * The values as NDJSON, a line each. A chunk of lines is made when the one before has been taken,
 * so that a reader who goes away costs no more than they have read.
 */
export function ndjsonStream(values: readonly unknown[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = values.slice(sent, sent + LINES_PER_CHUNK);
      sent += chunk.length;
      if (chunk.length > 0)
        controller.enqueue(encoder.encode(chunk.map((value) => `${JSON.stringify(value)}\n`).join("")));
      if (sent >= values.length) controller.close();
    },
  });
}
