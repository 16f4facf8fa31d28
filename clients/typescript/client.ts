import type { ClientAction, ClientEvent, ClientOptions, Told } from "./client-events.ts";
import { ClientRules } from "./rules.ts";
import { SignInFailed, type Credentials } from "./sign-in.ts";
import type { DeviceCommand, ProblemBody, Report } from "./wire.ts";

/** The part of a WebSocket that is used, whosever it is. */
export interface SocketLike {
  binaryType?: string;
  addEventListener(type: string, listen: (event: never) => void): void;
  send(data: Uint8Array<ArrayBuffer> | string): void;
  close(code?: number): void;
}

export interface PlayheadClientOptions extends Omit<ClientOptions, "random"> {
  /** Such as `wss://api.example.com`. */
  readonly url: string;
  /** Asked before each attempt; `ticketFrom` makes one. Throws {@link SignInFailed}. */
  readonly signIn: () => Promise<Credentials>;
  readonly onTold?: (told: Told) => void;
  readonly openSocket?: (url: string, headers: Readonly<Record<string, string>>) => SocketLike;
  readonly random?: () => number;
  readonly now?: () => number;
}

/** The reports were not taken, nor will be. */
export class NotReported extends Error {
  override readonly name = "NotReported";
  /** Null where too many waited to be sent. */
  readonly problem: ProblemBody | null;

  constructor(problem: ProblemBody | null) {
    super(problem === null ? "too many reports are waiting" : `refused as ${problem.code}`);
    this.problem = problem;
  }
}

interface Pending {
  left: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * {@link ClientRules} with a socket and a timer.
 *
 * @example
 * const client = new PlayheadClient({
 *   url: "wss://api.example.com",
 *   key: crypto.randomUUID(),
 *   signIn: ticketFrom("https://api.example.com", async () => session.accessToken),
 *   onTold: (told) => console.log(told.type),
 * });
 * client.start();
 * await client.report([{ kind: "video", itemId: "film", positionMs: 5_000, at: Date.now() }]);
 */
export class PlayheadClient {
  readonly rules: ClientRules;
  readonly #options: PlayheadClientOptions;
  readonly #now: () => number;
  readonly #pending = new Map<Report, Pending>();
  #socket: SocketLike | null = null;
  /** Whatever an earlier attempt says is of no interest any more. */
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What is still to be done, while it is: the app may call us from where it is told something. */
  readonly #actions: ClientAction[] = [];
  #isActing = false;

  constructor(options: PlayheadClientOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.rules = new ClientRules({ ...options, random: options.random ?? Math.random });
  }

  start(): void {
    this.#step({ type: "start" });
  }

  stop(): void {
    this.#step({ type: "stop" });
  }

  /**
   * Ends when all are durable, however often the socket is cut meanwhile. Throws
   * {@link NotReported}.
   */
  report(reports: readonly Report[]): Promise<void> {
    if (reports.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const pending = { left: reports.length, resolve, reject };
      // Each is told from its equals by being another object.
      const own = reports.map((report) => ({ ...report }));
      for (const report of own) this.#pending.set(report, pending);
      this.#step({ type: "report", reports: own });
    });
  }

  /** Enters a room, or leaves the one that it is in. */
  enter(room: string | null): void {
    this.#step({ type: "room", room });
  }

  /** Ops of the pushes that are to come. */
  accept(ops: readonly number[]): void {
    this.#step({ type: "accept", ops });
  }

  /** Tells another device what to do; false where that can't be said now, or was said too often. */
  command(command: DeviceCommand): boolean {
    const { commandsSent } = this.rules;
    this.#step({ type: "command", command });
    return this.rules.commandsSent > commandsSent;
  }

  #step(event: ClientEvent): void {
    this.#actions.push(...this.rules.step(event, this.#now()));
    if (this.#isActing) return;
    this.#isActing = true;
    const failures = this.#actAll();
    this.#isActing = false;
    clearTimeout(this.#timer);
    const { wakeAtMs } = this.rules;
    if (Number.isFinite(wakeAtMs))
      this.#timer = setTimeout(() => this.#step({ type: "time" }), Math.max(0, wakeAtMs - this.#now()));
    if (failures.length > 0) throw failures[0];
  }

  /** One after the other, whichever of them throws. Answers what was thrown. */
  #actAll(): readonly unknown[] {
    const failures: unknown[] = [];
    for (let action = this.#actions.shift(); action !== undefined; action = this.#actions.shift())
      try {
        this.#act(action);
      } catch (error) {
        failures.push(error);
      }
    return failures;
  }

  #act(action: ClientAction): void {
    switch (action.type) {
      case "connect":
        return void this.#connect();
      case "send":
        return this.#socket?.send(action.data);
      case "close":
        return this.#drop(action.code);
      case "tell":
        this.#settle(action.told);
        this.#options.onTold?.(action.told);
    }
  }

  /** Ends the present attempt, whatever it is at. */
  #drop(code: number): void {
    this.#attempt += 1;
    this.#socket?.close(code);
    this.#socket = null;
  }

  async #connect(): Promise<void> {
    this.#socket = null;
    this.#attempt += 1;
    const attempt = this.#attempt;
    const happened = (event: ClientEvent): void => {
      if (this.#attempt === attempt) this.#step(event);
    };
    try {
      const credentials = await this.#options.signIn();
      if (this.#attempt !== attempt) return;
      const socket = this.#open(credentials);
      this.#socket = socket;
      socket.binaryType = "arraybuffer";
      socket.addEventListener("open", () => happened({ type: "opened" }));
      socket.addEventListener("close", ({ code }: { readonly code: number }) =>
        happened({ type: "closed", code }),
      );
      // A close follows, which says all there is to know.
      socket.addEventListener("error", () => undefined);
      socket.addEventListener("message", ({ data }: { readonly data: string | ArrayBuffer }) =>
        happened(
          typeof data === "string"
            ? { type: "text", text: data }
            : { type: "bytes", bytes: new Uint8Array(data) },
        ),
      );
    } catch (error) {
      const { why, retryAfterMs } = error instanceof SignInFailed ? error : new SignInFailed("unavailable");
      happened({ type: "refused", why, retryAfterMs });
    }
  }

  #open(credentials: Credentials): SocketLike {
    const { url, openSocket = platformSocket } = this.#options;
    return "ticket" in credentials
      ? openSocket(`${url}/v1/realtime?ticket=${encodeURIComponent(credentials.ticket)}`, {})
      : openSocket(`${url}/v1/realtime`, { authorization: `Bearer ${credentials.token}` });
  }

  #settle(told: Told): void {
    if (told.type !== "reported" && told.type !== "not reported") return;
    for (const report of told.reports) {
      const pending = this.#pending.get(report);
      this.#pending.delete(report);
      if (pending === undefined) continue;
      pending.left -= 1;
      if (told.type === "not reported") pending.reject(new NotReported(told.problem));
      else if (pending.left === 0) pending.resolve();
    }
  }
}

/** The platform's own can set no header: it takes tickets alone. */
function platformSocket(url: string): SocketLike {
  return new WebSocket(url) as unknown as SocketLike;
}
