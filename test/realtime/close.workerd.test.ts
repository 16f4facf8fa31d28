import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { internalTokenMinter } from "../../src/platform/bff/internal-token.ts";

const { GATEWAY_SIGNING_KEY } = env as unknown as { readonly GATEWAY_SIGNING_KEY: string };
const mint = internalTokenMinter(JSON.parse(GATEWAY_SIGNING_KEY), Date.now);
const ANSWER_MS_MAX = 3_000;

describe("a client that closes its socket", () => {
  it.each([1_000, 4_000])("is answered at once: %d", async (code) => {
    const user = { userId: "ada", sessionId: "s-1", roles: ["user"] } as const;
    const headers = { upgrade: "websocket", "x-internal-token": await mint(user, "playhead-realtime") };
    const { webSocket } = await exports.default.fetch("http://realtime/v1/realtime", { headers });
    if (webSocket === null) throw new Error("no socket was opened");
    webSocket.accept();
    const closed = new Promise((resolve) => {
      webSocket.addEventListener("close", ({ wasClean }) => resolve(wasClean));
      setTimeout(() => resolve("not answered"), ANSWER_MS_MAX);
    });
    webSocket.close(code);
    expect(await closed).toBe(true);
  });
});
