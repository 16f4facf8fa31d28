import type { QuotaMode } from "../resilience/quota/client-quota.ts";
import { requireNumberIn } from "../resilience/require-number-in.ts";

/** A quota each client has, as api.md promises it. */
export interface LimitPolicy {
  /** Its name in `RateLimit-Policy`. */
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly mode: QuotaMode;
  /**
   * What holds while the client's window can't be reached: a safe local rate, or nothing passes.
   */
  readonly onUnreachable: "open" | "closed";
  /** Whether each session of a user has a quota of its own. False if absent: the user has one. */
  readonly isOfSession?: boolean;
  /**
   * The part of the limit, in [0, 1], that an isolate lets a client use within a window before
   * their window hears of them. Only of policies that are `async` by themselves: a twentieth if
   * absent.
   */
  readonly quietShare?: number;
  /** What all clients of one network have together; absent where a client is no address. */
  readonly network?: LimitPolicy;
}

const MINUTE_MS = 60_000;
/**
 * A network holds 65,536 of the prefixes that count as one address each, so that whoever has one
 * could be as many clients as they like. Carriers put many people into one: their limit must be one
 * that these don't reach together.
 */
const NETWORK_CLIENTS = 16;
/** Who uses no more of their limit than this through one isolate costs no call of a window. */
const QUIET_SHARE = 1 / 20;
/** Of strangers, who are many and come once. */
const STRANGERS_SHARE = 1 / 8;

function withNetwork(policy: LimitPolicy): LimitPolicy {
  return {
    ...policy,
    network: {
      name: `${policy.name}-network`,
      limit: policy.limit * NETWORK_CLIENTS,
      windowMs: policy.windowMs,
      mode: "async",
      onUnreachable: "open",
      quietShare: STRANGERS_SHARE,
    },
  };
}

/**
 * People come seldom, a few requests in a minute: under `lease` nearly each of them would wait for
 * its window, since leases last a second at most. So they are admitted from an estimate and counted
 * afterwards (`async`). Credentials are counted before they are looked at, one by one.
 */
const POLICIES = {
  default: { name: "default", limit: 120, windowMs: MINUTE_MS, mode: "async", onUnreachable: "open" },
  anonymous: withNetwork({
    name: "anonymous",
    limit: 60,
    windowMs: MINUTE_MS,
    mode: "async",
    onUnreachable: "open",
    quietShare: STRANGERS_SHARE,
  }),
  reports: { name: "reports", limit: 600, windowMs: MINUTE_MS, mode: "async", onUnreachable: "open" },
  register: withNetwork({
    name: "register",
    limit: 10,
    windowMs: MINUTE_MS,
    mode: "strict",
    onUnreachable: "closed",
  }),
  login: withNetwork({
    name: "login",
    limit: 10,
    windowMs: MINUTE_MS,
    mode: "strict",
    onUnreachable: "closed",
  }),
  /**
   * Hundreds of people share an address: this only keeps floods off. How often one session may be
   * refreshed is counted where sessions are known.
   */
  refresh: withNetwork({
    name: "refresh",
    limit: 600,
    windowMs: MINUTE_MS,
    mode: "async",
    onUnreachable: "open",
    quietShare: STRANGERS_SHARE,
  }),
  /**
   * By session: with one for the user, whoever has stolen a token could keep its owner from ever
   * changing the password.
   */
  password: {
    name: "password",
    limit: 10,
    windowMs: MINUTE_MS,
    mode: "strict",
    onUnreachable: "closed",
    isOfSession: true,
  },
  erase: {
    name: "erase",
    limit: 10,
    windowMs: MINUTE_MS,
    mode: "strict",
    onUnreachable: "closed",
    isOfSession: true,
  },
  /** The quota is that of all other requests; here each is counted before it is passed on. */
  transfers: { name: "default", limit: 120, windowMs: MINUTE_MS, mode: "strict", onUnreachable: "open" },
} as const satisfies Readonly<Record<string, LimitPolicy>>;

export type LimitPolicyName = keyof typeof POLICIES;
export const LIMIT_POLICY_NAMES = Object.keys(POLICIES) as readonly LimitPolicyName[];
export type LimitPolicies = Readonly<Record<LimitPolicyName, LimitPolicy>>;
export type LimitModes = Readonly<Partial<Record<LimitPolicyName, QuotaMode>>>;

/**
 * The policies, with the modes that the config gives some of them: `lease` keeps a limit more
 * closely where clients are many isolates' and busy. What was strict is quiet in no mode.
 *
 * @throws RangeError for a share out of range
 */
export function limitPolicies(
  modes: LimitModes,
  policies: Readonly<Record<LimitPolicyName, LimitPolicy>> = POLICIES,
): LimitPolicies {
  const withMode = (name: LimitPolicyName): LimitPolicy => ({
    ...withQuietShare(policies[name]),
    mode: modes[name] ?? policies[name].mode,
  });
  return Object.fromEntries(LIMIT_POLICY_NAMES.map((name) => [name, withMode(name)])) as LimitPolicies;
}

function withQuietShare(policy: LimitPolicy): LimitPolicy {
  const { mode, network } = policy;
  const share = policy.quietShare ?? QUIET_SHARE;
  requireNumberIn(`quietShare of ${policy.name}`, share, 0, 1);
  const quietShare = mode === "async" ? share : 0;
  return { ...policy, quietShare, ...(network === undefined ? {} : { network: withQuietShare(network) }) };
}
