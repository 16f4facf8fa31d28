/** Which way a socket came in: ours, or goim's own clients'. */
export type Door = "own" | "goim";

/** What is attached to a socket: all that the comet knows of it when its memory is gone. */
export interface SocketState {
  /** The socket's own id, made when it was accepted. */
  readonly id: string;
  readonly door: Door;
  /** On TCP goim sends the inner packets of op 9 bare. */
  readonly isTcp: boolean;
  /** Null: a guest. */
  readonly user: {
    readonly userId: string;
    readonly sessionId: string;
    readonly roles: readonly string[];
    readonly cell?: string;
  } | null;
  readonly openedAtMs: number;
  /** Whether op 7 has been answered. */
  readonly isSignedIn: boolean;
  /** Unique among the sockets of its user, or among guests. */
  readonly key: string;
  readonly room: string | null;
  /** Ops of pushes that it takes. */
  readonly accepts: readonly number[];
  readonly device: { readonly id: string; readonly name?: string } | null;
  /** The last heartbeat by op 2, in ms; text pings are remembered by the platform. */
  readonly beatAtMs: number;
  /** What the player was told last of the pace of reports, in ms; 0: nothing. */
  readonly toldReportMs: number;
  /** How far it has been told its user's history, in revisions; 0: nothing. */
  readonly toldRev: number;
}
