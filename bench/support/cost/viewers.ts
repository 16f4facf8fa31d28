import { signIn, signUp, type Headers } from "./clients.ts";
import { VirtualPlatform, type Past } from "./virtual-platform.ts";

/** Somebody with an account, who has signed in. */
export interface Viewer {
  readonly number: number;
  readonly userId: string;
  readonly headers: Headers;
}

/** Viewers who have signed in, on a platform after which what is metered begins. */
export interface Seeded {
  readonly past: Past;
  readonly secrets: Readonly<Record<string, string>>;
  readonly viewers: readonly Viewer[];
}

/** As many as there are isolates, since one lets few hash passwords at once. */
const AT_ONCE = 8;

/** Signs up `count` viewers, each from an address of their own, and then in. */
export async function seedViewers(secrets: Readonly<Record<string, string>>, count: number): Promise<Seeded> {
  const platform = await VirtualPlatform.start({ secrets, places: AT_ONCE });
  const numbers = Array.from({ length: count }, (_, number) => number);
  const userIds = await inTurns(platform, numbers, (number) => signUp(platform, number));
  const viewers = await inTurns(platform, numbers, async (number) => ({
    number,
    userId: userIds[number] ?? "",
    headers: await signIn(platform, number),
  }));
  return { past: platform.past, secrets, viewers };
}

/** Does something for each, a few at a time, in the platform's own time. */
export async function inTurns<T, R>(
  { stage }: VirtualPlatform,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const turn = Promise.all(items.slice(from, from + AT_ONCE).map(work));
    results.push(...(await stage.until(turn)));
  }
  return results;
}
