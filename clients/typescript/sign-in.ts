/** What lets a socket in: for 30 seconds, or as the header `Authorization` where one can be set. */
export type Credentials = { readonly ticket: string } | { readonly token: string };

/** Thrown by who signs in: when to come back, or `unauthenticated` where there is no use in it. */
export class SignInFailed extends Error {
  override readonly name = "SignInFailed";
  readonly why: "unauthenticated" | "unavailable";
  readonly retryAfterMs: number;

  constructor(why: "unauthenticated" | "unavailable", retryAfterMs = 0) {
    super(`could not sign in: ${why}`);
    this.why = why;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Asks for a ticket with the access token that the app has at that moment. Throws
 * {@link SignInFailed}, or as `fetch` does.
 */
export function ticketFrom(url: string, accessToken: () => Promise<string>): () => Promise<Credentials> {
  return async () => {
    const response = await fetch(`${url}/v1/realtime/tickets`, {
      method: "POST",
      headers: { authorization: `Bearer ${await accessToken()}` },
    });
    if (response.status === 401) throw new SignInFailed("unauthenticated");
    if (!response.ok)
      throw new SignInFailed("unavailable", secondsOf(response.headers.get("retry-after")) * 1_000);
    const { ticket } = (await response.json()) as { readonly ticket: string };
    return { ticket };
  };
}

/** Who is in between may give a date, which says nothing here: our own gives seconds. */
function secondsOf(retryAfter: string | null): number {
  return Number(retryAfter ?? 0) || 0;
}
