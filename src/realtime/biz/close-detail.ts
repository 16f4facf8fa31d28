/** A close frame has 125 bytes, two of them for the code. */
const BYTES_MAX = 123;

/** What a socket is closed with besides the code: so much of the text as has a place there. */
export function closeDetail(text: string): string {
  const bytes = new Uint8Array(BYTES_MAX);
  const { read } = new TextEncoder().encodeInto(text, bytes);
  return text.slice(0, read);
}
