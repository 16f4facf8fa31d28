import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import type { HistoryErasure } from "../../../src/contracts/history.ts";

/** What a test may ask of the history service that stands in for the real one. */
export interface FakeHistory extends HistoryErasure {
  setFailing(failing: boolean): Promise<void>;
  erased(): Promise<readonly string[]>;
  /** Where the user was to be erased; null where no cell was named. */
  cellOf(userId: string): Promise<string | null>;
}

let isFailing = false;
const erasedUsers: string[] = [];
const cells = new Map<string, string>();

export class Erasure extends WorkerEntrypoint implements FakeHistory {
  async erase(_ctx: CallContext, userId: string, cell?: string): Promise<void> {
    if (isFailing) throw new Error("history is away");
    erasedUsers.push(userId);
    if (cell !== undefined) cells.set(userId, cell);
  }

  async setFailing(failing: boolean): Promise<void> {
    isFailing = failing;
  }

  async erased(): Promise<readonly string[]> {
    return erasedUsers;
  }

  async cellOf(userId: string): Promise<string | null> {
    return cells.get(userId) ?? null;
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
