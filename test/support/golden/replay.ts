type Members = Readonly<Record<string, unknown>>;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** An id or its beginning, a token, a digest, a trace or a cursor: made anew each time. */
const MADE_ANEW = /^([\w.-]{20,}|[0-9a-f]{8}-[0-9a-f]{4}|\w{6,12}\.\w{6,12})$/;
const JWT = "eyJ";
/** September 2020 in ms: no count is so large. Revisions are larger still. */
const TIMES_FROM = 1.6e12;

/**
 * Says again to this release what was said to the one before, and holds the answers against what
 * that one answered. Ids and tokens are other ones each time: what this release calls them is
 * learned from its answers.
 */
export class Replay {
  readonly #ours: Map<string, string>;
  readonly #volatile: ReadonlySet<string>;

  /**
   * @param given - what is called otherwise here from the beginning
   * @param volatile - names of members whose numbers depend on the time or on what else was done
   */
  constructor(given: Readonly<Record<string, string>> = {}, volatile: readonly string[] = []) {
    this.#ours = new Map(Object.entries(given));
    this.#volatile = new Set(volatile);
  }

  /** Something that was said, with the ids of this release in it. */
  ours(said: unknown): unknown {
    if (typeof said === "string")
      return this.#ours.get(said) ?? said.replaceAll(UUID, (id) => this.#ours.get(id) ?? id);
    if (Array.isArray(said)) return said.map((one) => this.ours(one));
    if (typeof said !== "object" || said === null) return said;
    return Object.fromEntries(Object.entries(said).map(([name, value]) => [name, this.ours(value)]));
  }

  /**
   * Where an answer isn't what the release before answered. What it has beside that is no
   * difference: whoever doesn't know it lets it be.
   */
  differences(before: unknown, now: unknown, path = "answer"): readonly string[] {
    const differs = [`${path}: ${JSON.stringify(before)} was ${JSON.stringify(now)}`];
    if (before === undefined) return now === undefined ? [] : differs;
    if (Array.isArray(before)) {
      if (!Array.isArray(now) || now.length !== before.length) return differs;
      return before.flatMap((one, index) => this.differences(one, now[index], `${path}.${index}`));
    }
    if (typeof before === "object" && before !== null) {
      if (typeof now !== "object" || now === null) return differs;
      return Object.entries(before).flatMap(([name, value]) =>
        this.differences(value, (now as Members)[name], `${path}.${name}`),
      );
    }
    return this.#isAlike(before, now, path) ? [] : differs;
  }

  #isAlike(before: unknown, now: unknown, path: string): boolean {
    if (this.ours(before) === now) return true;
    if (typeof before !== typeof now) return false;
    if (typeof before === "number")
      return (
        this.#volatile.has(path.split(".").at(-1) ?? "") || (before > TIMES_FROM && Number(now) > TIMES_FROM)
      );
    if (typeof before !== "string" || typeof now !== "string") return false;
    if (!MADE_ANEW.test(before) || !MADE_ANEW.test(now)) return false;
    // Signed twice within a second a token is the same; here a second may have passed between.
    if (this.#ours.has(before) && !before.startsWith(JWT)) return false;
    this.#ours.set(before, now);
    return true;
  }
}
