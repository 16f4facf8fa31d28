import { describe, expect, it } from "vitest";
import {
  LIMIT_POLICY_NAMES,
  limitPolicies,
  type LimitPolicies,
  type LimitPolicy,
} from "../../src/gateway/limit-policies.ts";
import { createClientQuota } from "../../src/resilience/quota/create-client-quota.ts";

const NETWORK = "-network";
const MODES = ["strict", "lease", "async"] as const;

/** The policies and their networks', in their own modes or in one that is given. */
function table(mode?: (typeof MODES)[number]): readonly LimitPolicy[] {
  const modes = mode === undefined ? {} : Object.fromEntries(LIMIT_POLICY_NAMES.map((name) => [name, mode]));
  return Object.values(limitPolicies(modes)).flatMap((policy) => [policy, policy.network ?? []].flat());
}

/** Whether a client's first request passes without a question. */
function isQuiet({ limit, windowMs, mode, ...options }: LimitPolicy): boolean {
  return createClientQuota(mode, { limit, windowMs }, options).decide(0, 1) !== null;
}

describe("which policies are quiet", () => {
  it("is a twentieth of the limit for users, an eighth for strangers, and nothing where each request is asked for", () => {
    const { default: everyday, transfers, ...others } = limitPolicies({});
    const shares = Object.fromEntries(
      [everyday, ...Object.values(others)].flatMap((policy) =>
        [policy, policy.network ?? []].flat().map(({ name, quietShare }) => [name, quietShare]),
      ),
    );
    expect(shares).toEqual({
      default: 1 / 20,
      reports: 1 / 20,
      anonymous: 1 / 8,
      [`anonymous${NETWORK}`]: 1 / 8,
      refresh: 1 / 8,
      [`refresh${NETWORK}`]: 1 / 8,
      register: 0,
      [`register${NETWORK}`]: 1 / 8,
      login: 0,
      [`login${NETWORK}`]: 1 / 8,
      password: 0,
      erase: 0,
    });
    expect([transfers.name, transfers.quietShare]).toEqual(["default", 0]);
  });

  it("is none that is strict", () => {
    const strict = table().filter(({ mode }) => mode === "strict");
    expect(strict.length).toBeGreaterThanOrEqual(5);
    expect(strict.filter(isQuiet)).toEqual([]);
    expect(table().filter(isQuiet)).toEqual(table().filter(({ mode }) => mode === "async"));
  });

  it.each(["login", "register", "password", "erase", "transfers"] as const)(
    "is never %s, whatever mode the config gives it",
    (name) => {
      for (const mode of MODES) {
        const policies = limitPolicies({ [name]: mode });
        expect(isQuiet(policies[name])).toBe(false);
        const shared: LimitPolicies = {
          ...policies,
          [name]: { ...limitPolicies({})[name], quietShare: 1 / 2 },
        };
        expect(isQuiet(limitPolicies({ [name]: mode }, shared)[name])).toBe(false);
      }
    },
  );

  it.each(["strict", "lease"] as const)("is none in the mode %s, and the networks stay", (mode) => {
    const quiet = table(mode).filter(isQuiet);
    expect(quiet.map(({ name }) => name).filter((name) => !name.endsWith(NETWORK))).toEqual([]);
  });

  it.each([-0.1, 1.1, Number.NaN])("refuses a share of %d by name", (quietShare) => {
    const policies = limitPolicies({});
    const bad: LimitPolicies = { ...policies, reports: { ...policies.reports, quietShare } };
    expect(() => limitPolicies({}, bad)).toThrow(
      new RangeError(`quietShare of reports must be in [0, 1], got ${quietShare}`),
    );
    expect(() =>
      createClientQuota("async", { limit: 10, windowMs: 1_000 }, { onUnreachable: "open", quietShare }),
    ).toThrow(new RangeError(`quietShare must be in [0, 1], got ${quietShare}`));
  });

  it("takes shares of none and of all", () => {
    for (const quietShare of [0, 1]) {
      const policies = limitPolicies({});
      const { reports } = limitPolicies({}, { ...policies, reports: { ...policies.reports, quietShare } });
      expect([reports.quietShare, isQuiet(reports)]).toEqual([quietShare, quietShare === 1]);
    }
  });

  it("asks at once where the share of a small limit is less than one request", () => {
    const { reports } = limitPolicies({});
    for (const [limit, expected] of [
      [10, false],
      [19, false],
      [20, true],
    ] as const)
      expect(isQuiet({ ...reports, limit })).toBe(expected);
  });
});
