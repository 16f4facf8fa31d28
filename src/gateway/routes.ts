import type { UpstreamName } from "../contracts/internal-request.ts";
import type { Permission } from "../contracts/permissions.ts";
import { PUSH_BODY_BYTES_MAX } from "../contracts/realtime-ops.ts";
import type { Criticality } from "../resilience/overload/criticality.ts";
import type { LimitPolicyName } from "./limit-policies.ts";

/** What routes answer to; HEAD is GET without a body. */
export const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;
type Method = (typeof METHODS)[number];

/**
 * All the gateway knows of a route. It knows no business: what a body means is the BFF's affair.
 */
export interface Route {
  readonly path: string;
  readonly methods: readonly Method[];
  /** Who answers it; a ticket is the gateway's own. */
  readonly upstream: UpstreamName | "gateway";
  /** The permission a caller must have; null where nobody needs to be signed in. */
  readonly permission: Permission | null;
  /** Time the whole answer may take, in ms. A client may ask for less. */
  readonly timeoutMs: number;
  /**
   * Which quota of its client a request counts against; without a user, `default` is `anonymous`.
   */
  readonly limit: Exclude<LimitPolicyName, "anonymous">;
  /** How dear a request is to its user; under overload the lowest goes first. */
  readonly criticality: Criticality;
  /** Bytes a body may have. */
  readonly bodyBytesMax: number;
  /**
   * A body is bytes, of whatever type, and is passed on as they are; false if absent: it is JSON.
   */
  readonly takesBytes?: boolean;
  /**
   * Done once, it can't be done again: a token is spent, a password replaced. A client that gets no
   * answer is never invited to send it again, since it may have been done. False if absent.
   */
  readonly singleUse?: boolean;
  /**
   * Its path names all that it does, so that twice is as good as once: a client that gets no answer
   * may ask again. False if absent.
   */
  readonly keyedByPath?: boolean;
  /**
   * It waits on purpose for a commit that it shares with others, and its answer says for how long.
   * False if absent.
   */
  readonly sharesCommits?: boolean;
  /** It has a password hashed, and so places of its own on its way. False if absent. */
  readonly isDear?: boolean;
  /**
   * It opens a WebSocket, and answers nothing else: it is passed on once, and its time is that of
   * the upgrade. False if absent.
   */
  readonly isUpgrade?: boolean;
  /** Who can set no header may come with a ticket in the query. False if absent. */
  readonly takesTicket?: boolean;
  /** Whoever answers it must know on which continent its client is. False if absent. */
  readonly asksContinent?: boolean;
  /**
   * Thousands of its successes look alike: one in `LOG_SAMPLE` of them is logged. Never of money,
   * accounts and operators, whose every request is. False if absent.
   */
  readonly isHot?: boolean;
}

const KIB = 1024;
const DEFAULTS = {
  timeoutMs: 1_000,
  limit: "default",
  criticality: "critical",
  bodyBytesMax: 64 * KIB,
} as const;
/** scrypt takes 200 ms and more, and several may be waiting for the same core. */
const PASSWORD = { ...DEFAULTS, timeoutMs: 5_000, singleUse: true, isDear: true } as const;
/** A database that is slow logs nobody out. */
const SESSION = { ...DEFAULTS, timeoutMs: 3_000 } as const;
/** What players and home screens ask for all day. */
const HOT = { ...DEFAULTS, isHot: true } as const;
/** Money may take its time, and is the last thing to be shed. */
const MONEY = { ...DEFAULTS, timeoutMs: 3_000, limit: "transfers", criticality: "critical_plus" } as const;
/** Operators look at all shards at once. */
const OPERATOR = { ...DEFAULTS, timeoutMs: 5_000, criticality: "sheddable_plus" } as const;
const MONEY_BY_OPERATOR = { ...OPERATOR, criticality: "critical" } as const;
/** To sockets: what a push carries is the apps' own. */
const PUSH = {
  ...OPERATOR,
  methods: ["POST"],
  upstream: "ops",
  permission: "ops:write",
  bodyBytesMax: PUSH_BODY_BYTES_MAX,
  takesBytes: true,
} as const;

/** Apps open sockets as often as they wake up. */
const SOCKET = { ...HOT, methods: ["GET"], upstream: "realtime", isUpgrade: true } as const;

/** Every route a client can call beside the gateway's own. */
export const ROUTES: readonly Route[] = [
  {
    ...PASSWORD,
    path: "/v1/account/register",
    methods: ["POST"],
    upstream: "account",
    permission: null,
    limit: "register",
    asksContinent: true,
  },
  {
    ...PASSWORD,
    path: "/v1/account/login",
    methods: ["POST"],
    upstream: "account",
    permission: null,
    limit: "login",
  },
  {
    ...SESSION,
    path: "/v1/account/refresh",
    methods: ["POST"],
    upstream: "account",
    permission: null,
    limit: "refresh",
    criticality: "critical_plus",
    singleUse: true,
  },
  {
    ...SESSION,
    path: "/v1/account/logout",
    methods: ["POST"],
    upstream: "account",
    permission: "account:own",
  },
  {
    ...PASSWORD,
    path: "/v1/account/password",
    methods: ["POST"],
    upstream: "account",
    permission: "account:own",
    limit: "password",
  },
  { ...DEFAULTS, path: "/v1/account/me", methods: ["GET"], upstream: "account", permission: "account:own" },
  {
    ...PASSWORD,
    path: "/v1/account/me",
    methods: ["DELETE"],
    upstream: "account",
    permission: "account:own",
    limit: "erase",
  },

  {
    ...HOT,
    path: "/v1/history/reports",
    methods: ["POST"],
    upstream: "app",
    permission: "history:own",
    limit: "reports",
    criticality: "critical_plus",
    bodyBytesMax: 256 * KIB,
    sharesCommits: true,
  },
  { ...HOT, path: "/v1/history", methods: ["GET"], upstream: "app", permission: "history:own" },
  {
    ...DEFAULTS,
    path: "/v1/history",
    methods: ["DELETE"],
    upstream: "app",
    permission: "history:own",
    keyedByPath: true,
  },
  { ...HOT, path: "/v1/history/continue", methods: ["GET"], upstream: "app", permission: "history:own" },
  { ...HOT, path: "/v1/history/lookup", methods: ["POST"], upstream: "app", permission: "history:own" },
  { ...HOT, path: "/v1/history/changes", methods: ["GET"], upstream: "app", permission: "history:own" },
  {
    ...DEFAULTS,
    path: "/v1/history/export",
    methods: ["GET"],
    upstream: "app",
    permission: "history:own",
    criticality: "sheddable_plus",
  },
  {
    ...DEFAULTS,
    path: "/v1/history/settings",
    methods: ["GET", "PUT"],
    upstream: "app",
    permission: "history:own",
  },
  {
    ...DEFAULTS,
    path: "/v1/history/:kind/:itemId",
    methods: ["PUT"],
    upstream: "app",
    permission: "history:own",
  },
  {
    ...DEFAULTS,
    path: "/v1/history/:kind/:itemId",
    methods: ["DELETE"],
    upstream: "app",
    permission: "history:own",
    keyedByPath: true,
  },
  {
    ...HOT,
    path: "/v1/home",
    methods: ["GET"],
    upstream: "app",
    permission: "home:own",
    criticality: "sheddable_plus",
  },

  { ...DEFAULTS, path: "/v1/wallet", methods: ["GET"], upstream: "app", permission: "money:own" },
  { ...DEFAULTS, path: "/v1/wallet/entries", methods: ["GET"], upstream: "app", permission: "money:own" },
  { ...MONEY, path: "/v1/transfers", methods: ["POST"], upstream: "app", permission: "money:own" },
  { ...DEFAULTS, path: "/v1/transfers", methods: ["GET"], upstream: "app", permission: "money:own" },
  { ...DEFAULTS, path: "/v1/transfers/:id", methods: ["GET"], upstream: "app", permission: "money:own" },

  { ...SOCKET, path: "/v1/realtime", permission: "realtime:own", takesTicket: true },
  {
    ...HOT,
    path: "/v1/realtime/tickets",
    methods: ["POST"],
    upstream: "gateway",
    permission: "realtime:own",
  },
  // Of goim's own clients, who say who they are in the first packet.
  { ...SOCKET, path: "/sub", permission: null },

  { ...OPERATOR, path: "/v1/ops/overview", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  { ...OPERATOR, path: "/v1/ops/history/flush", methods: ["POST"], upstream: "ops", permission: "ops:write" },
  { ...OPERATOR, path: "/v1/ops/rejected", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  {
    ...OPERATOR,
    path: "/v1/ops/rejected/redrive",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
  },
  {
    ...OPERATOR,
    path: "/v1/ops/users/:id/roles",
    methods: ["PUT"],
    upstream: "ops",
    permission: "ops:write",
  },
  { ...OPERATOR, path: "/v1/ops/breakers", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  { ...OPERATOR, path: "/v1/ops/limits", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  { ...OPERATOR, path: "/v1/ops/faults", methods: ["PUT"], upstream: "ops", permission: "ops:write" },
  {
    ...MONEY_BY_OPERATOR,
    path: "/v1/ops/wallets/:userId/deposits",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
  },
  {
    ...MONEY_BY_OPERATOR,
    path: "/v1/ops/deposits/:id/reverse",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
    keyedByPath: true,
  },
  {
    ...MONEY_BY_OPERATOR,
    path: "/v1/ops/wallets/:userId/state",
    methods: ["PUT"],
    upstream: "ops",
    permission: "ops:write",
  },
  { ...OPERATOR, path: "/v1/ops/outbox", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  {
    ...MONEY_BY_OPERATOR,
    path: "/v1/ops/outbox/redrive",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
  },
  {
    ...MONEY_BY_OPERATOR,
    path: "/v1/ops/outbox/park",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
  },
  { ...OPERATOR, path: "/v1/ops/dead-letters", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  {
    ...MONEY_BY_OPERATOR,
    path: "/v1/ops/dead-letters/redrive",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
  },
  { ...OPERATOR, path: "/v1/ops/audit", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  {
    ...MONEY_BY_OPERATOR,
    path: "/v1/ops/transfers/:id/refund",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
    keyedByPath: true,
  },
  {
    ...OPERATOR,
    path: "/v1/ops/reconcile",
    methods: ["GET"],
    upstream: "ops",
    permission: "ops:read",
    timeoutMs: 20_000,
  },
  { ...PUSH, path: "/v1/ops/push/users" },
  { ...PUSH, path: "/v1/ops/push/room" },
  { ...PUSH, path: "/v1/ops/push/all" },
  { ...OPERATOR, path: "/v1/ops/online", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  { ...OPERATOR, path: "/v1/ops/changes", methods: ["GET"], upstream: "ops", permission: "ops:read" },
  {
    ...OPERATOR,
    path: "/v1/ops/keys/rotate",
    methods: ["POST"],
    upstream: "ops",
    permission: "ops:write",
    singleUse: true,
  },
];
