import type { Role } from "./permissions.ts";

/** Who is calling, as the gateway authenticated them. */
export interface Principal {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly Role[];
}

/** The first argument of every RPC method between workers: what belongs to the request rather than to the call. */
export interface CallContext {
  readonly requestId: string;
  /** W3C trace context of the caller's span. */
  readonly traceparent: string;
  /** Time left for this call when it was sent, in ms. Relative, so that no two clocks must agree. */
  readonly remainingMs: number;
  /** The client asked for less time than its route has, and `remainingMs` is less than usual for it; absent where not, or not known. */
  readonly isHurried?: boolean;
  readonly principal: Principal | null;
  /** Which try this is, from 2 on; absent on the first. */
  readonly attempt?: number;
  /** Where the client calls from, for limits that count by it; absent where nobody needs it. */
  readonly clientAddress?: string;
}
