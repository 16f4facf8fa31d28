import { hintsOf, publicDetail } from "../../contracts/errors.ts";
import type { PacketFault } from "./packet-stream.ts";

/** Why a socket is closed that asks for what can't be: the first thing that is wrong with it. */
export function invalidFault(error: unknown): PacketFault {
  const [first] = hintsOf(error).errors ?? [];
  const detail = first === undefined ? publicDetail(error) : `${first.path}: ${first.message}`;
  return { reason: "invalid", detail };
}
