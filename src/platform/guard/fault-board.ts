import { FAULT_BOARD_NAME, type FaultBoardRpc } from "../../contracts/durable.ts";
import { answerOf } from "../call/rpc.ts";
import { objectsOf, type ObjectNamespace } from "../objects.ts";

/** Where faults are ordered and looked up, and the boot with which they end. */
export interface FaultBoard {
  readonly board: FaultBoardRpc;
  readonly bootId: string;
}

/**
 * The one fault board; null unless the var `FAULTS` is on: then nobody asks it, and no route orders
 * anything. A stub belongs to the request that made it, so each call takes a new one.
 */
export function faultBoard(
  { FAULTS, BOOT_ID }: { readonly FAULTS: "on" | "off"; readonly BOOT_ID: string },
  namespace: ObjectNamespace,
): FaultBoard | null {
  if (FAULTS === "off") return null;
  const boards = objectsOf<FaultBoardRpc>(namespace);
  return {
    board: {
      faultOf: (bootId, target) => answerOf(boards(FAULT_BOARD_NAME).faultOf(bootId, target)),
      set: (bootId, target, fault) => boards(FAULT_BOARD_NAME).set(bootId, target, fault),
      all: (bootId) => boards(FAULT_BOARD_NAME).all(bootId),
    },
    bootId: BOOT_ID,
  };
}
