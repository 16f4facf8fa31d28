import type { WorkerdStructuredLog } from "miniflare";
import { LaunchError } from "./launch-error.ts";

/** What a worker writes that won't work with what it was given. */
const REFUSED = "worker refused to start";

/** Hears workers that refuse to start, so that nobody waits for them to get ready. */
export class Refusals {
  #why: string | null = null;

  take({ message }: Pick<WorkerdStructuredLog, "message">): void {
    if (this.#why !== null || !message.includes(REFUSED)) return;
    try {
      const { event, causes } = JSON.parse(message) as Readonly<Record<string, unknown>>;
      if (event === REFUSED && typeof causes === "string") this.#why = causes;
    } catch {
      // A line that only quotes one.
    }
  }

  /** Throws {@link LaunchError} with the first worker's own words, if one has refused. */
  throwIfAny(): void {
    if (this.#why !== null) throw new LaunchError(this.#why, { exitCode: 2 });
  }
}
