import { EventEmitter } from "node:events";
import { instancesChannel } from "@platformatic/kafka";

let isHearing = false;

/**
 * Hears every connection's errors, of which each belongs to a request that fails by it. The library
 * hears the first of a connection only, and a second one, of a broker that dies while we sign in,
 * would end the process.
 */
export function hearErrors(): void {
  if (isHearing) return;
  isHearing = true;
  instancesChannel.subscribe((message) => {
    const { type, instance } = message as { readonly type?: unknown; readonly instance?: unknown };
    if (type === "connection" && instance instanceof EventEmitter) instance.on("error", () => undefined);
  });
}
