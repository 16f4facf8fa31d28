/**
 * Characters that may wait for whoever reads us; beyond it lines are dropped, since they would fill
 * memory.
 */
const WAITING_MAX = 1_000_000;

/** Where a script speaks to its user. */
export interface Terminal {
  /** Tells the user something, a line or more. */
  readonly say: (text: string) => void;
  readonly complain: (text: string) => void;
}

/**
 * The process's own output, which its readers may leave or stop reading at any time: a script that
 * holds up a platform goes on without them. Writing never waits, not even for a terminal that was
 * told to hold (Ctrl-S): the thread that writes here also takes the runtime's output off it, and a
 * runtime that can't write stands still.
 */
export function openTerminal(
  out: NodeJS.WriteStream = process.stdout,
  err: NodeJS.WriteStream = process.stderr,
): Terminal {
  for (const stream of [out, err]) {
    // The reader has gone (EPIPE): `npm start | grep -m1 ready` is no reason to stop.
    stream.on("error", () => undefined);
    if (stream.isTTY)
      (stream as { _handle?: { setBlocking?: (blocking: boolean) => void } })._handle?.setBlocking?.(false);
  }
  const writeTo = (stream: NodeJS.WriteStream) => (text: string) => {
    if (stream.writableLength < WAITING_MAX) stream.write(`${text}\n`);
  };
  return { say: writeTo(out), complain: writeTo(err) };
}
