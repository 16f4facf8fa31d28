/** What a client says it runs on, in `X-Client-Kind`. */
export const CLIENT_KINDS = ["tv", "phone", "web"] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

/** From a client; a BFF is told in the gateway's context what the gateway has read. */
export const CLIENT_KIND_HEADER = "x-client-kind";

/**
 * The kind in the header; null where there is none, or one that this release doesn't know: a client
 * that calls itself something new gets what everybody gets.
 */
export function clientKindOf(headers: Headers): ClientKind | null {
  const given = headers.get(CLIENT_KIND_HEADER);
  return given === null ? null : (CLIENT_KINDS.find((kind) => kind === given) ?? null);
}
