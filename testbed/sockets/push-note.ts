/** What a push of a test or a benchmark carries, so that whoever gets it knows when it was sent. */
export interface PushNote {
  readonly push: number;
  readonly sentAtMs: number;
}

/** The op of those pushes: clients accept it. */
export const NOTE_OP = 1_000;

const NOTE = /^\{"push":(\d+),"sentAtMs":(\d+(?:\.\d+)?)\}$/;

/** Null where the body is something else. */
export function noteIn(body: Uint8Array): PushNote | null {
  const match = NOTE.exec(new TextDecoder().decode(body));
  return match === null ? null : { push: Number(match[1]), sentAtMs: Number(match[2]) };
}

/** How long the receivers of each push have waited for it, in ms, one entry each. */
export class Arrivals {
  readonly #ms = new Map<number, number[]>();

  note({ push, sentAtMs }: PushNote, nowMs: number): void {
    const known = this.#ms.get(push);
    if (known === undefined) this.#ms.set(push, [nowMs - sentAtMs]);
    else known.push(nowMs - sentAtMs);
  }

  /** Of one push. */
  of(push: number): readonly number[] {
    return this.#ms.get(push) ?? [];
  }

  get pushes(): readonly number[] {
    return [...this.#ms.keys()];
  }

  clear(): void {
    this.#ms.clear();
  }
}
