import { createServer } from "node:net";
import { LaunchError } from "./launch-error.ts";

/** Where a gateway listens. */
export interface LoopbackPort {
  readonly port: number;
  /** Whether the machine has ::1: `localhost` is that one first for most programs. */
  readonly alsoOnIpv6: boolean;
}

/** A runtime that has just been ended, by us or before us, lets go of its port a moment later. */
const TRIES_MAX = 15;
const PAUSE_MS = 100;

/**
 * A port that is free on both loopback addresses, on 127.0.0.1 alone where the machine has no IPv6;
 * 0 picks one. Fails early and clearly where another program has it: the runtime would only say so
 * after all else is done. `remedy` is where another can be said. Throws {@link LaunchError}.
 */
export async function loopbackPort(wanted: number, remedy: string): Promise<LoopbackPort> {
  const alsoOnIpv6 = (await tryListening(0, "::1")).failure === null;
  for (let tries = 1; ; tries += 1) {
    const first = await tryListening(wanted, "127.0.0.1");
    const second = first.failure === null && alsoOnIpv6 ? await tryListening(first.port, "::1") : first;
    if (second.failure === null) return { port: first.port, alsoOnIpv6 };
    const { failure } = second;
    if ((failure as NodeJS.ErrnoException).code !== "EADDRINUSE" || tries === TRIES_MAX) {
      throw new LaunchError(
        `port ${first.port} can't be used (${failure.message}); choose another ${remedy}`,
        { cause: failure },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function tryListening(
  port: number,
  host: string,
): Promise<{ readonly port: number; readonly failure: Error | null }> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once("error", (failure) => resolve({ port, failure }));
    probe.listen(port, host, () => {
      const address = probe.address();
      probe.close(() =>
        resolve({
          port: typeof address === "object" && address !== null ? address.port : port,
          failure: null,
        }),
      );
    });
  });
}
