import { WorkerEntrypoint } from "cloudflare:workers";
import type { CallContext } from "../../../src/contracts/call-context.ts";
import type { HistoryErasure } from "../../../src/contracts/history.ts";

/** What a test may ask of the history service that stands in for the real one. */
export interface FakeHistory extends HistoryErasure {
  setFailing(failing: boolean): Promise<void>;
  erased(): Promise<readonly string[]>;
}

let isFailing = false;
const erasedUsers: string[] = [];

export class Erasure extends WorkerEntrypoint implements FakeHistory {
  async erase(_ctx: CallContext, userId: string): Promise<void> {
    if (isFailing) throw new Error("history is away");
    erasedUsers.push(userId);
  }

  async setFailing(failing: boolean): Promise<void> {
    isFailing = failing;
  }

  async erased(): Promise<readonly string[]> {
    return erasedUsers;
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
