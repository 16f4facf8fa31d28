import type { Context } from "hono";
import type { BffEnv } from "./bff-app.ts";

/** How a BFF answers JSON: with all headers at once, so that the gateway passes it on as it is. */
export function answerJson(c: Context<BffEnv>, body: unknown, status: 200 | 201 | 202 = 200): Response {
  const { every, scope } = c.env;
  return every.json(body, scope, status);
}
