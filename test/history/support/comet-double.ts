import type { UserNews } from "../../../src/contracts/realtime-rpc.ts";
import { CodedError } from "../../../src/contracts/errors.ts";
import type { TellComet } from "../../../src/history/biz/ports.ts";

/** What a comet does with the calls of a shard, as a test has it. */
export class CometDouble {
  /** What has arrived, call by call. */
  readonly calls: { readonly comet: string; readonly news: readonly UserNews[] }[] = [];
  /** Users who have no socket. */
  readonly gone = new Set<string>();
  /**
   * `refuses`: nothing arrives; `loses`: it arrives, and the answer doesn't; `holds`: the answer
   * waits for `release`.
   */
  does: "takes" | "refuses" | "loses" | "holds" = "takes";
  /** Whether a comet of its release knows such news. */
  knows: (news: UserNews) => boolean = () => true;
  #held: (() => void)[] = [];

  readonly tell: TellComet = async (comet, news) => {
    const { does } = this;
    if (does === "refuses") throw new Error("the comet is away");
    if (!news.every(this.knows)) throw new CodedError("INVALID", "the comet knows no such news");
    this.calls.push({ comet, news });
    if (does === "loses") throw new Error("the answer is lost");
    if (does === "holds") await new Promise<void>((resolve) => this.#held.push(resolve));
    return news.flatMap(({ userId }) => (this.gone.has(userId) ? [userId] : []));
  };

  /** Answers the calls that are held. */
  async release(): Promise<void> {
    for (const answer of this.#held.splice(0)) answer();
    await settled();
  }

  /** Whoever waits for an answer is gone. */
  forget(): void {
    this.#held = [];
  }

  /** The news of all calls since it was asked last. */
  taken(): readonly UserNews[] {
    return this.calls.splice(0).flatMap(({ news }) => news);
  }
}

/** Until everything that waits for nothing has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}
