import { CodedError } from "../../../src/contracts/errors.ts";
import { createLogger } from "../../../src/platform/logger.ts";
import type { SocketOrigin } from "../../../src/realtime/biz/socket-origin.ts";
import type { DoorDeps } from "../../../src/realtime/service/door-session.ts";
import { CallTimeoutError } from "../../../src/platform/guard/call-timer.ts";
import { FakeWebSocket } from "./fake-web-socket.ts";

export const USER = { userId: "ada", sessionId: "s1", roles: ["user"] } as const;
/** The only token that is good. */
export const TOKEN = "ada-s-token";

/** What a door is given, with a comet that the test plays. */
export class DoorFixture {
  readonly comet = new FakeWebSocket();
  readonly opened: { readonly comet: string; readonly origin: SocketOrigin }[] = [];
  nowMs = 1_000;
  /** Fires the timer that runs. */
  #expire: () => void = () => undefined;
  /** What opening a socket in the comet comes to. */
  opening: Promise<void> = Promise.resolve();
  status = 101;
  hasGuests = true;
  authenticateError: Error | null = null;
  /** Errors that were told. */
  readonly lines: string[] = [];

  get deps(): DoorDeps {
    return {
      hasGuests: this.hasGuests,
      authenticate: async (authorization) => {
        if (this.authenticateError !== null) throw this.authenticateError;
        if (authorization !== `Bearer ${TOKEN}`)
          throw new CodedError("UNAUTHENTICATED", "The access token is not valid");
        return USER;
      },
      cometOf: async (user, key) => (user === null ? `guest-${key ?? "any"}` : `home-of-${user.userId}`),
      openSocket: async (comet, origin) => {
        this.opened.push({ comet, origin });
        await this.opening;
        return { webSocket: this.status === 101 ? this.comet : null } as unknown as Response;
      },
      timer: {
        withTimeout: (answer, limitMs) =>
          new Promise((resolve, reject) => {
            this.#expire = () => reject(new CallTimeoutError(`no answer within ${limitMs} ms`));
            answer.then(resolve, reject);
          }),
      },
      now: () => this.nowMs,
      logger: {
        ...createLogger({ worker: "playhead-realtime", level: "silent" }),
        error: (event) => void this.lines.push(event),
      },
    };
  }

  expire(): void {
    this.#expire();
  }
}
