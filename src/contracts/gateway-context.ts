import { clientKindOf, CLIENT_KINDS, type ClientKind } from "./client-kind.ts";
import { isContinent, type Continent } from "./continent.ts";
import {
  ATTEMPT_HEADER,
  CLIENT_ADDRESS_HEADER,
  CONTEXT_HEADER,
  DEADLINE_HEADER,
  HURRIED_HEADER,
  LOG_WEIGHT_MAX,
  RATE_LIMIT_HEADER,
  RATE_LIMIT_POLICY_HEADER,
  REQUEST_ID_HEADER,
  type QuotaHeaders,
} from "./internal-request.ts";

/**
 * What the gateway tells a BFF of a request, beside who asks (the internal token) and of which
 * trace it is. All in one header, as JSON: each header more is made, copied and looked up by the
 * runtime, which costs more than what it says.
 */
export interface GatewayContext {
  readonly requestId: string;
  /**
   * Time left for the request when it was sent, in ms. Relative, so that no two clocks must agree.
   */
  readonly remainingMs: number;
  /** The client asked for less time than its route has, and that is what is left. */
  readonly isHurried: boolean;
  /** Which try of the gateway's it is, from 1 on. */
  readonly attempt: number;
  /** What the client says it runs on; null where it says nothing that is known. */
  readonly clientKind: ClientKind | null;
  /** What the answer says of the client's quota; null where the route has none. */
  readonly quota: QuotaHeaders | null;
  /**
   * Where the client calls from, for limits that are counted further down; null where nobody asks.
   */
  readonly clientAddress: string | null;
  /** Where the client is, for the home of a new user; null where nobody asks, or knows. */
  readonly continent: Continent | null;
  /**
   * How many requests a log line about this one stands for; null where it is one of those that look
   * alike, and only what goes wrong is logged.
   */
  readonly logWeight: number | null;
}

/** Time that a request has of which nothing is said, or nothing possible, in ms. */
const REMAINING_MS_DEFAULT = 1_000;
const REMAINING_MS_MAX = 60_000;
const REQUEST_ID_DEFAULT = "unknown";

/** The context as the value of its header. */
export function writeGatewayContext(context: GatewayContext): string {
  return JSON.stringify(context);
}

/**
 * The context that a request came with. A member that is odd, or that an older gateway doesn't
 * send, is as if nothing were said of it; one that a later gateway sends is let be. Throws nothing:
 * whoever has no right to call is refused for their token.
 */
export function readGatewayContext(headers: Headers): GatewayContext {
  const text = headers.get(CONTEXT_HEADER);
  const given = text === null ? inSeparateHeaders(headers) : membersOf(text);
  const { requestId, remainingMs, attempt, clientKind, quota, clientAddress, continent, logWeight } = given;
  return {
    requestId: typeof requestId === "string" && requestId !== "" ? requestId : REQUEST_ID_DEFAULT,
    remainingMs: isBetween(remainingMs, 0, REMAINING_MS_MAX) ? remainingMs : REMAINING_MS_DEFAULT,
    isHurried: given.isHurried === true,
    attempt: isBetween(attempt, 1, Number.MAX_SAFE_INTEGER) ? attempt : 1,
    clientKind: CLIENT_KINDS.find((kind) => kind === clientKind) ?? null,
    quota: isQuota(quota) ? quota : null,
    clientAddress: typeof clientAddress === "string" ? clientAddress : null,
    continent: isContinent(continent) ? continent : null,
    logWeight: isBetween(logWeight, 1, LOG_WEIGHT_MAX) && Number.isInteger(logWeight) ? logWeight : null,
  };
}

type Members = Readonly<Partial<Record<keyof GatewayContext, unknown>>>;

function membersOf(text: string): Members {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** As a gateway of the release before says it: both live side by side while one is deployed. */
function inSeparateHeaders(headers: Headers): Members {
  const limit = headers.get(RATE_LIMIT_HEADER);
  return {
    requestId: headers.get(REQUEST_ID_HEADER),
    remainingMs: Number(headers.get(DEADLINE_HEADER) ?? REMAINING_MS_DEFAULT),
    isHurried: headers.has(HURRIED_HEADER),
    attempt: Number(headers.get(ATTEMPT_HEADER) ?? 1),
    clientKind: clientKindOf(headers),
    quota: limit === null ? null : { limit, policy: headers.get(RATE_LIMIT_POLICY_HEADER) ?? "" },
    clientAddress: headers.get(CLIENT_ADDRESS_HEADER),
  };
}

function isBetween(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && value >= min && value <= max;
}

function isQuota(value: unknown): value is QuotaHeaders {
  if (typeof value !== "object" || value === null) return false;
  const { policy, limit } = value as Partial<Record<keyof QuotaHeaders, unknown>>;
  return typeof policy === "string" && typeof limit === "string";
}
