import { describe, expect, it } from "vitest";
import type { Principal } from "../../../src/contracts/call-context.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import { createBff } from "../../../src/platform/bff/bff-app.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import type { SocketOrigin } from "../../../src/realtime/biz/socket-origin.ts";
import { addOwnDoor } from "../../../src/realtime/service/own-door.ts";

const ADA: Principal = { userId: "ada", sessionId: "s-1", roles: ["user"], cell: "us" };

/** The door in front of comets that write down who came. */
function door(user: Principal | null, { isLost = false, status = 200 } = {}) {
  const opened: { readonly comet: string; readonly origin: SocketOrigin }[] = [];
  const fetch = createBff({
    verifyInternalToken: async () => user,
    logger: createLogger({ worker: "realtime", level: "silent" }),
    now: Date.now,
    checkReady: async () => undefined,
    addRoutes: (app) =>
      addOwnDoor(app, {
        cometOf: async ({ cell, userId }) => {
          if (isLost) throw new CodedError("UNAVAILABLE", "history is away");
          return `${cell}-of-${userId}`;
        },
        openSocket: async (comet, origin) => {
          opened.push({ comet, origin });
          return new Response(null, { status });
        },
      }),
  });
  const open = () => fetch(new Request("http://realtime/v1/realtime"), {});
  return { open, opened };
}

describe("the door of our own clients", () => {
  it("sends a user's socket to their comet, and says who it is", async () => {
    const { open, opened } = door(ADA);
    expect((await open()).status).toBe(200);
    expect(opened).toEqual([{ comet: "us-of-ada", origin: { door: "own", isTcp: false, user: ADA } }]);
  });

  it.each([
    ["nobody", null, 401],
    ["who has no role", { ...ADA, roles: [] }, 403],
  ])("refuses %s, and asks no comet", async (_who, user, status) => {
    const { open, opened } = door(user);
    expect([(await open()).status, opened]).toEqual([status, []]);
  });

  it("says for now where it isn't known which comet it is", async () => {
    const { open, opened } = door(ADA, { isLost: true });
    const answer = await open();
    expect([answer.status, answer.headers.get("retry-after"), opened]).toEqual([503, "1", []]);
    expect(await answer.json()).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("answers what the comet does", async () => {
    expect((await door(ADA, { status: 503 }).open()).status).toBe(503);
  });
});
