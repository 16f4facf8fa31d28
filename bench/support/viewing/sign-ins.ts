import { signIn, type Headers } from "../cost/clients.ts";
import { inTurns, type Seeded } from "../cost/viewers.ts";
import { VirtualPlatform } from "../cost/virtual-platform.ts";

/** Before a token of ten minutes has ended. */
const ANEW_EVERY_MS = 8 * 60_000;

/** What a viewer sends to be known, by when in the trace. */
export type HeadersAt = (viewer: number, atMs: number) => Headers;

/**
 * Signs viewers in anew as long as a trace lasts: beside it, on a platform that nobody meters,
 * since a sign-in is none of what a report costs.
 */
export async function signInsFor({ past, secrets, viewers }: Seeded, lengthMs: number): Promise<HeadersAt> {
  const rounds: (readonly Headers[])[] = [viewers.map(({ headers }) => headers)];
  const beside = await VirtualPlatform.start({ secrets, places: 1, after: past });
  const startMs = beside.stage.time.now();
  for (let atMs = ANEW_EVERY_MS; atMs < lengthMs; atMs += ANEW_EVERY_MS) {
    // So that all are ready when their time has come, however long signing in takes.
    await beside.stage.runUntil(startMs + atMs - ANEW_EVERY_MS / 4);
    rounds.push(await inTurns(beside, viewers, ({ number }) => signIn(beside, number)));
    if (beside.stage.time.now() > startMs + atMs) throw new Error("signing in has taken too long");
  }
  return (viewer, atMs) => rounds[Math.floor(atMs / ANEW_EVERY_MS)]?.[viewer] ?? {};
}
