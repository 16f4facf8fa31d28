import { afterEach, describe, expect, it, vi } from "vitest";
import { ticketFrom } from "../../clients/typescript/sign-in.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const answering = (status: number, headers: Record<string, string> = {}) => {
  vi.stubGlobal("fetch", async () => new Response("{}", { status, headers }));
  return ticketFrom("https://api.example.com", async () => "token")();
};

describe("a ticket that can't be had", () => {
  it.each([
    [503, "2", { why: "unavailable", retryAfterMs: 2_000 }],
    // Whoever is in between may answer with a date: no wait is no number.
    [503, "Wed, 21 Oct 2026 07:28:00 GMT", { why: "unavailable", retryAfterMs: 0 }],
    [401, "", { why: "unauthenticated" }],
  ] as const)("says when to come back: %i, %s", async (status, retryAfter, failure) => {
    await expect(answering(status, { "retry-after": retryAfter })).rejects.toMatchObject(failure);
  });
});
