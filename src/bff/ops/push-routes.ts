import type { Hono } from "hono";
import { CodedError } from "../../contracts/errors.ts";
import {
  onlineQuerySchema,
  pushAllQuerySchema,
  pushRoomQuerySchema,
  pushUsersQuerySchema,
} from "../../contracts/realtime-operators.ts";
import type { PushMessage, RealtimePushes } from "../../contracts/realtime-rpc.ts";
import { PUSH_BODY_BYTES_MAX } from "../../contracts/realtime.ts";
import { answerJson } from "../../platform/bff/answer-json.ts";
import type { BffEnv } from "../../platform/bff/bff-app.ts";
import type { GuardedRpc } from "../../platform/guard/guarded-rpc.ts";
import { readQuery } from "../../platform/validate.ts";

export interface PushRoutesDeps {
  readonly realtime: GuardedRpc<RealtimePushes>;
}

/**
 * What operators send to sockets, and how many of these there are. `ops-app.ts` has checked the
 * permission of each route. Nobody knows of a push that has failed whether it was heard, so that
 * none is made twice.
 */
export function addPushRoutes(app: Hono<BffEnv>, { realtime }: PushRoutesDeps): void {
  app.post("/v1/ops/push/users", async function pushToUsers(c) {
    const { operation, ids } = readQuery(c.req.url, pushUsersQuerySchema);
    const message = await messageOf(c.req.raw, operation);
    return answerJson(
      c,
      await realtime.write(c.env.scope, "push to users", (service, ctx) => service.users(ctx, ids, message)),
      202,
    );
  });

  app.post("/v1/ops/push/room", async function pushToRoom(c) {
    const { operation, id } = readQuery(c.req.url, pushRoomQuerySchema);
    const message = await messageOf(c.req.raw, operation);
    return answerJson(
      c,
      await realtime.write(c.env.scope, "push to a room", (service, ctx) => service.room(ctx, id, message)),
      202,
    );
  });

  app.post("/v1/ops/push/all", async function pushToAll(c) {
    const { operation } = readQuery(c.req.url, pushAllQuerySchema);
    const message = await messageOf(c.req.raw, operation);
    return answerJson(
      c,
      await realtime.write(c.env.scope, "push to all", (service, ctx) => service.all(ctx, message)),
      202,
    );
  });

  app.get("/v1/ops/online", async function countOnline(c) {
    const { room } = readQuery(c.req.url, onlineQuerySchema);
    return answerJson(
      c,
      await realtime.read(c.env.scope, "count who is online", (service, ctx) => service.online(ctx, room)),
    );
  });
}

/** The body as it came. Throws `TOO_LARGE`, `MALFORMED`. */
async function messageOf(request: Request, op: number): Promise<PushMessage> {
  let body: Uint8Array;
  try {
    body = new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    throw new CodedError("MALFORMED", "The body breaks off", { cause });
  }
  if (body.byteLength > PUSH_BODY_BYTES_MAX)
    throw new CodedError("TOO_LARGE", `The body has more than ${PUSH_BODY_BYTES_MAX} bytes`);
  return { op, body };
}
