const SWITCHING = 101;

/** Those with that status, which Node's own response refuses. */
const switching = new WeakSet<Response>();

/** Node's own response, and beside it what that refuses: status 101, with an end of a socket. */
export class VirtualResponse extends Response {
  /** A `VirtualSocket`. */
  override readonly webSocket: WebSocket | null;

  constructor(body?: BodyInit | null, init: ResponseInit = {}) {
    const isSwitching = init.status === SWITCHING;
    super(body, isSwitching ? { headers: init.headers ?? {} } : init);
    if (isSwitching) switching.add(this);
    this.webSocket = init.webSocket ?? null;
  }

  override get status(): number {
    return switching.has(this) ? SWITCHING : super.status;
  }

  override get ok(): boolean {
    return !switching.has(this) && super.ok;
  }

  /** Whatever made it, it is a response. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Object.prototype.isPrototypeOf.call(Response.prototype, Object(value));
  }
}
