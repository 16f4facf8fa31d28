import type { Entry } from "../../../src/contracts/history.ts";
import type { ApiClient } from "../../../testbed/clients/api-client.ts";

/** Entries of an answer. */
const PER_PAGE = 100;
const TIMEOUT_MS = 20_000;
const POLL_MS = 100;

/**
 * A user's history by every way there is to look at it, each answer whole: a busy machine may need
 * a second try for that.
 */
export class HistoryClient {
  readonly #api: ApiClient;
  readonly #token: string;

  constructor(api: ApiClient, token: string) {
    this.#api = api;
    this.#token = token;
  }

  /** Everything, page by page. */
  async list(): Promise<readonly Entry[]> {
    const seen: Entry[] = [];
    let cursor: unknown;
    do {
      const after = cursor === undefined ? "" : `&cursor=${String(cursor)}`;
      const page = await this.#whole("GET", `/v1/history?limit=${PER_PAGE}${after}`);
      seen.push(...(page["items"] as readonly Entry[]));
      cursor = page["nextCursor"];
    } while (cursor !== undefined);
    return seen;
  }

  /** The newest of what is unfinished. */
  async continueWatching(): Promise<readonly Entry[]> {
    return (await this.#whole("GET", `/v1/history/continue?limit=${PER_PAGE}`))["items"] as readonly Entry[];
  }

  async lookUp(keys: readonly Pick<Entry, "kind" | "itemId">[]): Promise<readonly Entry[]> {
    const found: Entry[] = [];
    for (let from = 0; from < keys.length; from += PER_PAGE) {
      const items = keys.slice(from, from + PER_PAGE).map(({ kind, itemId }) => ({ kind, itemId }));
      found.push(
        ...((await this.#whole("POST", "/v1/history/lookup", { items }))["items"] as readonly Entry[]),
      );
    }
    return found;
  }

  /** Throws unless the report is acknowledged. */
  async report(report: object): Promise<void> {
    const { status, body } = await this.#api.call("POST", "/v1/history/reports", {
      token: this.#token,
      body: { reports: [report] },
    });
    if (status !== 200 || body["accepted"] !== 1)
      throw new Error(`a report answered ${status}: ${JSON.stringify(body)}`);
  }

  async #whole(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
    const untilMs = Date.now() + TIMEOUT_MS;
    for (;;) {
      const answer = await this.#api.call(method, path, {
        token: this.#token,
        ...(body === undefined ? {} : { body }),
      });
      if (answer.status === 200 && answer.body["degraded"] === undefined) return answer.body;
      if (Date.now() > untilMs)
        throw new Error(`${method} ${path} still answers ${answer.status}: ${JSON.stringify(answer.body)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
