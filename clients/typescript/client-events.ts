import type {
  Change,
  Device,
  DeviceCommand,
  PING,
  ProblemBody,
  ReceiptBody,
  Report,
  TransferSettled,
} from "./wire.ts";

/*
 * What goes into a client's rules, and what comes out of them.
 */

/** What has happened. */
export type ClientEvent =
  | { readonly type: "start" | "stop" | "opened" | "time" }
  /** The last `connect` has come to nothing. */
  | {
      readonly type: "refused";
      readonly why: "unauthenticated" | "unavailable";
      readonly retryAfterMs?: number;
    }
  | { readonly type: "closed"; readonly code: number }
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "report"; readonly reports: readonly Report[] }
  | { readonly type: "room"; readonly room: string | null }
  | { readonly type: "accept"; readonly ops: readonly number[] }
  | { readonly type: "command"; readonly command: DeviceCommand };

export type StopReason = "asked" | "unauthenticated" | "given up";

/** What the app is told. */
export type Told =
  | { readonly type: "live" }
  | { readonly type: "stopped"; readonly why: StopReason; readonly code?: number }
  /** `isAnew`: what was there before is gone. */
  | { readonly type: "changed"; readonly changes: readonly Change[]; readonly isAnew: boolean }
  | { readonly type: "reported"; readonly reports: readonly Report[]; readonly receipt: ReceiptBody }
  /** None of these was taken, nor will be: the server's reason, or null where too many waited. */
  | {
      readonly type: "not reported";
      readonly reports: readonly Report[];
      readonly problem: ProblemBody | null;
    }
  | { readonly type: "pace"; readonly nextReportMs: number }
  | { readonly type: "devices"; readonly devices: readonly Device[] }
  | { readonly type: "command"; readonly command: DeviceCommand & { readonly from?: string } }
  | { readonly type: "settled"; readonly transfer: TransferSettled }
  | { readonly type: "room message"; readonly op: number; readonly body: Uint8Array }
  /** Messages of the room are missing before what follows. */
  | { readonly type: "room missed" }
  | { readonly type: "pushed"; readonly op: number; readonly body: Uint8Array };

/** What is to be done. */
export type ClientAction =
  /** Gets a ticket or a token and opens a socket with it; what it had open is gone. */
  | { readonly type: "connect" }
  | { readonly type: "send"; readonly data: Uint8Array<ArrayBuffer> | typeof PING }
  | { readonly type: "close"; readonly code: number }
  | { readonly type: "tell"; readonly told: Told };

export interface ClientOptions {
  /** Unique among this user's connections: a second one with it closes the first. */
  readonly key: string;
  readonly device?: { readonly id: string; readonly name?: string };
  /** In [0, 1). */
  readonly random: () => number;
}
