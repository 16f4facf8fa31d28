/** SHA-256 of what a key was used for, in hex: the same key with anything else is refused. */
export async function payloadHash(parts: readonly (string | number)[]): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(parts)));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
