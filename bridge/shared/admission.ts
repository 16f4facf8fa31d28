import { FrontError } from "./front-error.ts";

export interface AdmissionLimits {
  /** Commands, messages: whatever a request asks for, and waits for at once with all others. */
  readonly itemsMax: number;
  /** Bytes of requests and responses that are held at once. */
  readonly bytesMax: number;
}

/** How a front says what passes a bound. */
export interface AdmissionWords {
  /** Before each text: Redis's errors begin with a word in capitals. */
  readonly prefix: string;
  readonly items: string;
  readonly server: string;
}

/**
 * Bounds what a front holds. What passes a bound is refused, not kept waiting: a queue here would
 * only hide that the server is behind. Responses are counted and never refused, since what they
 * answer was done.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #words: AdmissionWords;
  #items = 0;
  #bytes = 0;

  constructor(limits: AdmissionLimits, words: AdmissionWords) {
    this.#limits = limits;
    this.#words = words;
  }

  /** @returns gives the places back. Throws {@link FrontError}. */
  enter(count: number): () => void {
    const { itemsMax } = this.#limits;
    const { prefix, items, server } = this.#words;
    if (count > itemsMax)
      throw new FrontError(413, `${prefix}${count} ${items} at once are more than ${itemsMax}`);
    if (this.#items + count > itemsMax)
      throw new FrontError(503, `${prefix}${this.#items} ${items} are waiting for ${server} already`);
    this.#items += count;
    return () => void (this.#items -= count);
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
        throw new FrontError(503, `${this.#words.prefix}too many bytes are held for other requests`);
      count(bytes);
    };
    return { take, count, giveBack: () => count(-held) };
  }
}
