import type { ChangePage } from "../../../src/contracts/history.ts";
import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import { decodePlace } from "../../../src/history/biz/place.ts";
import { HistoryDevice } from "./history-device.ts";

/** News as a live socket is sent them. */
type LiveNews = Extract<UserNews, { readonly changes: unknown }>;

/**
 * A device that follows by news, and its socket while it has one. It asks only where it has just
 * come back, or where it is told that it is behind.
 */
export class HistoryFollower {
  readonly userId: string;
  /** As its reports name it: no other device of any user has that name. */
  readonly deviceId: string;
  readonly device = new HistoryDevice();
  /** Of the connection that it has; null where it has none. */
  socket: string | null = null;
  /** Whether it is being given what it has missed: live news wait. */
  isCatchingUp = false;
  /** Something has happened while it was. */
  isStale = false;

  constructor(userId: string, deviceId: string) {
    this.userId = userId;
    this.deviceId = deviceId;
  }

  /** Live news. What is older than what it has is none. Answers whether it took them. */
  take({ changes, cursor, except }: LiveNews): boolean {
    if (this.isCatchingUp) {
      this.isStale = true;
      return false;
    }
    if (except !== undefined && except === this.socket) return false;
    if (this.device.cursor !== undefined && revOf(cursor) <= revOf(this.device.cursor)) return false;
    this.device.take({ changes, cursor, more: false });
    return true;
  }

  /** A page of what it has missed. */
  catchUp(page: ChangePage): void {
    this.device.take(page);
  }
}

function revOf(cursor: string): number {
  return decodePlace(cursor).rev;
}
