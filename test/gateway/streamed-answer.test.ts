import { expect, it } from "vitest";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const encoder = new TextEncoder();

/** A gateway over a BFF that has sent one line of an export, and will send no more. */
async function exporting(headers: Readonly<Record<string, string>> = {}) {
  const state = { isCancelled: false };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode('{"itemId":"m1"}\n')),
    cancel: () => void (state.isCancelled = true),
  });
  const gateway = await testGateway(
    () => new Response(body, { headers: { "content-type": "application/x-ndjson" } }),
  );
  const token = await accessToken({ key: gateway.identityKey, nowMs: gateway.clock.now() });
  const response = await gateway.call("/v1/history/export?fields=items", {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  return { response, state };
}

it.each([
  ["a player", {}],
  ["a page of another origin", { origin: "https://app.example.com" }],
])(
  "an export is passed on to %s as it comes, and ended when its reader goes away",
  async (_name, headers) => {
    const { response, state } = await exporting(headers);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-request-id")).not.toBeNull();
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toBe('{"itemId":"m1"}\n');
    expect(state.isCancelled).toBe(false);
    await reader.cancel();
    expect(state.isCancelled).toBe(true);
  },
);
