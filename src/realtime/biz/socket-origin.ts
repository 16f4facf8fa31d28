import * as z from "zod";
import { cellNameSchema, ID_LENGTH_MAX, idSchema, ROLES_MAX } from "../../contracts/call-context.ts";
import type { SocketState } from "./socket-state.ts";

/** By which a door says to a comet whose socket it is. Nobody else reaches a comet. */
export const SOCKET_HEADER = "x-socket";

/** What is known of a socket before its first packet. */
export type SocketOrigin = Pick<SocketState, "door" | "isTcp" | "user">;

const originSchema = z.object({
  door: z.enum(["own", "goim"]),
  isTcp: z.boolean(),
  user: z
    .object({
      userId: idSchema,
      sessionId: idSchema,
      roles: z.array(z.string().max(ID_LENGTH_MAX)).max(ROLES_MAX),
      cell: cellNameSchema.exactOptional(),
    })
    .nullable(),
});

/** As the value of its header, which has no place for other signs than those of ASCII. */
export function writeSocketOrigin(origin: SocketOrigin): string {
  return JSON.stringify(origin).replaceAll(
    /[\u007f-\uffff]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Null where the header is none that a door has written. */
export function readSocketOrigin(headers: Headers): SocketOrigin | null {
  try {
    const read = originSchema.safeParse(JSON.parse(headers.get(SOCKET_HEADER) ?? ""));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
