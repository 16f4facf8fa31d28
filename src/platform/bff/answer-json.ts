import type { Context } from "hono";
import type { BffEnv } from "./bff-app.ts";

/**
 * How a BFF answers JSON: with all headers at once, and trimmed to the members that a GET has asked
 * for by `fields`.
 */
export function answerJson(c: Context<BffEnv>, body: unknown, status: 200 | 201 | 202 = 200): Response {
  const { every, scope } = c.env;
  return every.json(scope.fields === null ? body : trimmed(body, scope.fields), scope, status);
}

/** In the order of the answer. */
function trimmed(body: unknown, fields: ReadonlySet<string>): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => fields.has(name)));
}
