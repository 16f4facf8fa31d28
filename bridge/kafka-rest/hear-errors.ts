import { EventEmitter } from "node:events";
import { instancesChannel } from "@platformatic/kafka";

let isHearing = false;

/** Those of the library's instances that may fail before, or after, somebody hears of it. */
const UNHEARD: ReadonlySet<unknown> = new Set(["connection", "messages-stream"]);

/**
 * Hears the errors of every connection and stream, of which each belongs to a request that fails by
 * it: one that nobody hears would end the process. The library hears the first of a connection
 * only, and a broker that dies while we sign in makes a second one; a stream that is closed while
 * it is being opened fails before it is handed to anybody.
 */
export function hearErrors(): void {
  if (isHearing) return;
  isHearing = true;
  instancesChannel.subscribe((message) => {
    const { type, instance } = message as { readonly type?: unknown; readonly instance?: unknown };
    if (UNHEARD.has(type) && instance instanceof EventEmitter) instance.on("error", () => undefined);
  });
}
