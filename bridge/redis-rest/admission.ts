import { FrontError } from "./front-error.ts";

export interface AdmissionLimits {
  /** Commands that wait for Redis at once. */
  readonly commandsMax: number;
  /** Bytes of requests and responses that are held at once. */
  readonly bytesMax: number;
}

/**
 * Bounds what the front holds. What passes a bound is refused, not kept waiting: a queue here would
 * only hide that Redis is behind. Responses are counted and never refused, since their commands
 * were done.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  #commands = 0;
  #bytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** @returns gives the places back. Throws {@link FrontError}. */
  enter(commands: number): () => void {
    const { commandsMax } = this.#limits;
    if (commands > commandsMax)
      throw new FrontError(413, `ERR ${commands} commands at once are more than ${commandsMax}`);
    if (this.#commands + commands > commandsMax)
      throw new FrontError(503, `ERR ${this.#commands} commands are waiting for Redis already`);
    this.#commands += commands;
    return () => void (this.#commands -= commands);
  }

  /** Counts the bytes that one request and its response hold, until they are given back. */
  holder(): {
    readonly take: (bytes: number) => void;
    readonly count: (bytes: number) => void;
    readonly giveBack: () => void;
  } {
    let held = 0;
    const count = (bytes: number): void => {
      held += bytes;
      this.#bytes += bytes;
    };
    const take = (bytes: number): void => {
      if (this.#bytes + bytes > this.#limits.bytesMax)
        throw new FrontError(503, "ERR too many bytes are held for other requests");
      count(bytes);
    };
    return { take, count, giveBack: () => count(-held) };
  }
}
