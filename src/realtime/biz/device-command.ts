import { CodedError } from "../../contracts/errors.ts";
import { problemBody } from "../../contracts/problem-body.ts";
import { commandSchema, REALTIME_OPS, type DeviceCommandBody } from "../../contracts/realtime.ts";
import type { GoimPacket } from "../../protocol/goim-packet.ts";
import type { CometIndex } from "./comet-index.ts";
import type { Connection } from "./connection.ts";
import { EMPTY_BODY, jsonPacket, packet } from "./packets.ts";
import { readBody } from "./read-body.ts";

/**
 * Op 2005: hands a command on to another device of the same user, with `seq` 0. The ack is empty
 * where it has been sent there, else a problem. Throws what is a fault of ours.
 */
export function relayCommand(sender: Connection, { seq, ver, body }: GoimPacket, index: CometIndex): void {
  try {
    relay(sender, body, index);
    sender.send(packet(REALTIME_OPS.command, seq, EMPTY_BODY, ver));
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    sender.send(jsonPacket(REALTIME_OPS.command, seq, problemBody(error, {})));
  }
}

function relay(sender: Connection, body: Uint8Array, index: CometIndex): void {
  const { to, ...command } = readBody(commandSchema, body);
  const { user, device } = sender.state;
  const targets = index
    .listenersOf(user?.userId ?? "")
    .filter((one) => one !== sender && one.state.device?.id === to);
  if (targets.length === 0) throw new CodedError("NOT_FOUND", "The device is not connected");
  const relayed: DeviceCommandBody = device === null ? command : { from: device.id, ...command };
  const bytes = jsonPacket(REALTIME_OPS.command, 0, relayed);
  for (const target of targets) target.send(bytes);
}
