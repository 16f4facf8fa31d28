import * as z from "zod";
import { isCellName } from "./cell.ts";
import { CONTINENTS, type Continent } from "./continent.ts";
import { LOG_WEIGHT_MAX } from "./internal-request.ts";
import type { Role } from "./permissions.ts";

/** Of a request id or a trace: real ones are shorter. */
export const LABEL_LENGTH_MAX = 128;
export const ID_LENGTH_MAX = 64;
export const ROLES_MAX = 16;
/** Longer than anybody waits for a call between workers. */
export const REMAINING_MS_MAX = 300_000;

/** An id of a user, a session or a socket, as one worker takes it from another. */
export const idSchema = z.string().min(1).max(ID_LENGTH_MAX);
/** A cell's name, whether this release has the cell or not. */
export const cellNameSchema = z.string().refine(isCellName);

/**
 * A {@link CallContext} as another worker's word for it. Roles that this version doesn't know are
 * let be: they grant nothing.
 */
export const callContextSchema = z.object({
  requestId: z.string().min(1).max(LABEL_LENGTH_MAX),
  traceparent: z.string().max(LABEL_LENGTH_MAX),
  remainingMs: z.number().min(0).max(REMAINING_MS_MAX),
  principal: z
    .object({
      userId: idSchema,
      sessionId: idSchema,
      roles: z.array(z.string().max(ID_LENGTH_MAX)).max(ROLES_MAX),
      cell: cellNameSchema.optional(),
    })
    .nullable(),
  isHurried: z.boolean().optional(),
  attempt: z.int().min(1).optional(),
  clientAddress: z.string().max(ID_LENGTH_MAX).optional(),
  continent: z.enum(CONTINENTS).optional(),
  logWeight: z.int().min(1).max(LOG_WEIGHT_MAX).optional(),
});

/** Who is calling, as the gateway authenticated them. */
export interface Principal {
  readonly userId: string;
  readonly sessionId: string;
  readonly roles: readonly Role[];
  /** The user's home cell; absent: `main`. */
  readonly cell?: string;
}

/**
 * The first argument of every RPC method between workers: what belongs to the request rather than
 * to the call.
 */
export interface CallContext {
  readonly requestId: string;
  /** W3C trace context of the caller's span. */
  readonly traceparent: string;
  /**
   * Time left for this call when it was sent, in ms. Relative, so that no two clocks must agree.
   */
  readonly remainingMs: number;
  /**
   * The client asked for less time than its route has, and `remainingMs` is less than usual for it;
   * absent where not, or not known.
   */
  readonly isHurried?: boolean;
  readonly principal: Principal | null;
  /** Which try this is, from 2 on; absent on the first. */
  readonly attempt?: number;
  /** Where the client calls from, for limits that count by it; absent where nobody needs it. */
  readonly clientAddress?: string;
  /** Where the client is, for the home of a new user; absent where nobody needs or knows it. */
  readonly continent?: Continent;
  /**
   * The request's lines are to be logged, and each stands for so many requests; absent where only
   * what goes wrong is told.
   */
  readonly logWeight?: number;
}
