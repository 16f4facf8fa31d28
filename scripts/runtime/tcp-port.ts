import { LaunchError } from "./launch-error.ts";
import { loopbackPort } from "./loopback-port.ts";
import type { LaunchOptions } from "./options.ts";

/**
 * Where goim's own clients are listened to over TCP; null: nowhere. A port that nobody has asked
 * for by its number holds nothing up where another program has it. Throws {@link LaunchError} for
 * one that was named.
 */
export async function tcpPort(
  { port, isDefault }: LaunchOptions["tcp"],
  say: (text: string) => void,
): Promise<number | null> {
  if (port === null) return null;
  try {
    return (await loopbackPort(port, "with --tcp-port")).port;
  } catch (error) {
    if (!isDefault || !(error instanceof LaunchError)) throw error;
    say(`no door for goim's clients over TCP: ${error.message}`);
    return null;
  }
}
