import type { Entry } from "../../../src/contracts/history.ts";
import { entryOfRow, type AcknowledgedUser } from "../../fixtures/state-manifest.ts";
import type { ApiClient } from "../../../testbed/clients/api-client.ts";
import { HistoryClient } from "./history-client.ts";

/** Entries kept of one user. */
const KEPT = 1_000;
const UNFINISHED_MAX = 100;
/** As the history's config has it. */
const STARTED_AT_MS = 10_000;

/** What a user finds, in each of the ways there are to look. */
interface Findings {
  readonly listed: readonly Entry[];
  /** Listed beyond what is kept, since the job has not trimmed it yet, and not the user's. */
  readonly strange: readonly Entry[];
  readonly lookedUp: readonly Entry[];
  readonly unfinished: readonly Entry[];
}

export const nameOf = ({ kind, itemId }: Pick<Entry, "kind" | "itemId">): string => `${kind}/${itemId}`;

/** A user of a kept state folder, signed in to the platform that goes on with it. */
export class KeptViewer {
  readonly user: AcknowledgedUser;
  #session: { readonly token: string; readonly history: HistoryClient } | null = null;
  #told: readonly Entry[];

  constructor(user: AcknowledgedUser) {
    this.user = user;
    this.#told = user.entries.map(entryOfRow);
  }

  async signIn(api: ApiClient): Promise<void> {
    const { token, userId } = await api.signIn(this.user.email, this.user.password);
    if (userId !== this.user.userId) throw new Error(`${this.user.role} is ${userId} now`);
    this.#session = { token, history: new HistoryClient(api, token) };
  }

  get token(): string {
    return this.#signedIn.token;
  }

  get history(): HistoryClient {
    return this.#signedIn.history;
  }

  /** What the user was told is safe and is kept, latest first. */
  get kept(): readonly Entry[] {
    return this.#told.slice(0, KEPT);
  }

  /** The latest entry that was in the log only (or not) when the earlier release was killed. */
  latestOf(place: "log" | "D1"): Entry | undefined {
    return this.kept.find((entry) => this.user.pending.includes(nameOf(entry)) === (place === "log"));
  }

  /** The user was told that this is the newest state of its item, and of all items. */
  wasTold(entry: Entry): void {
    this.#told = [entry, ...this.#told.filter((other) => nameOf(other) !== nameOf(entry))];
  }

  async finds(): Promise<Findings> {
    const listed = await this.history.list();
    const own = new Map(this.#told.map((entry) => [nameOf(entry), JSON.stringify(entry)]));
    return {
      listed: listed.slice(0, KEPT),
      strange: listed.slice(KEPT).filter((entry) => own.get(nameOf(entry)) !== JSON.stringify(entry)),
      lookedUp: await this.history.lookUp(this.kept),
      unfinished: await this.history.continueWatching(),
    };
  }

  /** All of what is kept and nothing else. */
  mustFind(): Findings {
    const unfinished = this.kept
      .filter(({ watched, positionMs }) => !watched && positionMs >= STARTED_AT_MS)
      .slice(0, UNFINISHED_MAX);
    return { listed: this.kept, strange: [], lookedUp: this.kept, unfinished };
  }

  get #signedIn() {
    if (this.#session === null) throw new Error(`${this.user.role} has not signed in`);
    return this.#session;
  }
}
