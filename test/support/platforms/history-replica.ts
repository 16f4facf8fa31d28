import type { Change, ChangePage, Entry, HistorySettings } from "../../../src/contracts/history.ts";
import type { ApiClient } from "../../../testbed/clients/api-client.ts";

/** A page of changes at a time, where nobody says otherwise. */
const PER_PAGE = 100;

/**
 * A device that keeps a copy of its user's history, as docs/api.md has it done: where it is refused
 * it keeps its cursor and comes back.
 */
export class HistoryReplica {
  readonly #api: ApiClient;
  readonly #token: string;
  readonly #entries = new Map<string, Entry>();
  #settings: HistorySettings = { paused: false };
  #cursor: string | null = null;

  constructor(api: ApiClient, token: string) {
    this.#api = api;
    this.#token = token;
  }

  /** Newest first, as the list is. */
  get entries(): readonly Entry[] {
    return [...this.#entries.values()].toSorted((a, b) => b.watchedAt - a.watchedAt);
  }

  get settings(): HistorySettings {
    return this.#settings;
  }

  /** Takes all that has changed since the last time. Answers what that was. */
  async pull(limit = PER_PAGE): Promise<readonly Change[]> {
    const all: Change[] = [];
    for (;;) {
      const since = this.#cursor === null ? "" : `&since=${this.#cursor}`;
      const { status, body } = await this.#api.callPatiently(
        "GET",
        `/v1/history/changes?limit=${limit}${since}`,
        { token: this.#token },
      );
      if (status !== 200) throw new Error(`changes answered ${status}: ${JSON.stringify(body)}`);
      const { changes, cursor, more, resync } = body as unknown as ChangePage;
      if (resync === true) this.#entries.clear();
      for (const change of changes) this.#take(change);
      all.push(...changes);
      this.#cursor = cursor;
      if (!more) return all;
    }
  }

  #take(change: Change): void {
    if ("entry" in change) this.#entries.set(nameOf(change.entry), change.entry);
    else if ("removed" in change) this.#entries.delete(nameOf(change.removed));
    else if ("settings" in change) this.#settings = change.settings;
    else this.#forgetBefore("cleared" in change ? change.cleared.before : change.trimmed.before);
  }

  #forgetBefore(beforeMs: number): void {
    for (const [name, { watchedAt }] of this.#entries) if (watchedAt < beforeMs) this.#entries.delete(name);
  }
}

function nameOf({ kind, itemId }: Pick<Entry, "kind" | "itemId">): string {
  return `${kind}/${itemId}`;
}
