import type { IncomingMessage } from "node:http";
import { FrontError } from "../shared/front-error.ts";
import { readName, readTimestamp } from "./read-bodies.ts";

/** One of a group, as both stand in a path. */
export interface Member {
  readonly groupId: string;
  readonly instanceId: string;
}

/** What a request asks for, by its method and path. */
export type Asked =
  | { readonly what: "health" }
  | { readonly what: "produce" | "fetch" | "topics" | "consumers" }
  | ({ readonly what: "consume" | "commit" | "committed" | "delete-consumer" } & Member)
  | { readonly what: "offsets"; readonly timestamp: bigint };

const PATHS =
  "there is POST /produce, /fetch, /offsets/<time>, /consume/<group>/<instance>, " +
  "/commit/<group>/<instance>, /committed/<group>/<instance>, /delete-consumer/<group>/<instance>, " +
  "and GET /topics, /consumers, /healthz";
const OF_MEMBERS = ["consume", "commit", "committed", "delete-consumer"] as const;

/** Throws {@link FrontError} for a path or method that there isn't. */
export function readRequest({ method = "", url = "/" }: IncomingMessage): Asked {
  const [path = ""] = url.split("?");
  const [, first = "", ...rest] = path.split("/");
  const asked = askedBy(first, rest);
  if (asked === null) throw new FrontError(404, PATHS);
  const wanted =
    asked.what === "topics" || asked.what === "consumers" || asked.what === "health" ? "GET" : "POST";
  if (method !== wanted) throw new FrontError(405, `${method} is not available here, ${wanted} is`);
  return asked;
}

function askedBy(first: string, [one, two, ...more]: readonly string[]): Asked | null {
  if (one === undefined) {
    if (first === "healthz") return { what: "health" };
    if (first === "produce" || first === "fetch" || first === "topics" || first === "consumers")
      return { what: first };
    return null;
  }
  if (two === undefined)
    return first === "offsets" ? { what: "offsets", timestamp: readTimestamp(one) } : null;
  const what = OF_MEMBERS.find((name) => name === first);
  if (what === undefined || more.length > 0) return null;
  return { what, groupId: readName(one), instanceId: readName(two) };
}
