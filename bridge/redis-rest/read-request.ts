import type { IncomingMessage } from "node:http";
import { FrontError } from "../shared/front-error.ts";
import type { Topic } from "./subscriptions.ts";

/** What a request asks for, by its method and path. */
export type Asked =
  | { readonly what: "health" | "command" | "pipeline" | "multi-exec" }
  | { readonly what: "events"; readonly topic: Topic };

const BODIES = { "/": "command", "/pipeline": "pipeline", "/multi-exec": "multi-exec" } as const;

/** Throws {@link FrontError} for a path or method that there isn't. */
export function readRequest({ method = "", url = "/" }: IncomingMessage): Asked {
  if (url === "/healthz") return { what: "health" };
  const topic = readTopic(url);
  const what = url in BODIES ? BODIES[url as keyof typeof BODIES] : null;
  if (topic === null && what === null)
    throw new FrontError(
      404,
      "ERR there is /, /pipeline, /multi-exec, /subscribe/<channel> and /psubscribe/<pattern>",
    );
  if (method !== "POST" && !(topic !== null && method === "GET"))
    throw new FrontError(405, `ERR ${method} is not available, POST is`);
  if (topic !== null) return { what: "events", topic };
  return { what: what ?? "command" };
}

/** Clients put a name into the path as it is: a slash or a question mark in it is its own. */
function readTopic(url: string): Topic | null {
  const [, kind, name] = /^\/(p?subscribe)\/(.+)$/s.exec(url) ?? [];
  if (kind === undefined || name === undefined) return null;
  try {
    return { kind: kind === "subscribe" ? "subscribe" : "psubscribe", name: decodeURIComponent(name) };
  } catch (cause) {
    throw new FrontError(400, "ERR the channel's name is not percent-encoded UTF-8", { cause });
  }
}
