import { describe, expect, it } from "vitest";
import { policyOf } from "../../src/gateway/policy-of.ts";
import { ROUTES, type Route } from "../../src/gateway/routes.ts";

const ADA = { userId: "ada", sessionId: "s-1", roles: ["user"] } as const;
const nobody = { principal: null, clientKind: null };
const ada = { principal: ADA, clientKind: null };

const routeOf = (path: string, method: Route["methods"][number]): Route => {
  const route = ROUTES.find((row) => row.path === path && row.methods.includes(method));
  if (route === undefined) throw new Error(`no ${method} ${path}`);
  return route;
};

describe("the policy of a request", () => {
  it.each([
    ["/v1/account/login", "POST", "login"],
    ["/v1/account/register", "POST", "register"],
    ["/v1/account/refresh", "POST", "refresh"],
  ] as const)("of a stranger is the route's where it is open to strangers: %s", (path, method, policy) => {
    expect(policyOf(nobody, routeOf(path, method))).toBe(policy);
  });

  it("of a stranger is `anonymous` wherever somebody must be signed in, whatever the route's own is", () => {
    const closed = ROUTES.filter(({ permission }) => permission !== null);
    expect(new Set(closed.map(({ limit }) => limit)).size).toBeGreaterThan(3);
    expect(new Set(closed.map((route) => policyOf(nobody, route)))).toEqual(new Set(["anonymous"]));
  });

  it("of a user is the route's, on each of them", () => {
    expect(ROUTES.map((route) => policyOf(ada, route))).toEqual(ROUTES.map(({ limit }) => limit));
  });

  it("is the everyday one where the path has no such method", () => {
    expect([policyOf(nobody), policyOf(ada)]).toEqual(["anonymous", "default"]);
  });

  it("of an open route without a policy of its own is that of strangers for who is one", () => {
    const open = { permission: null, limit: "default" } as const;
    expect([policyOf(nobody, open), policyOf(ada, open)]).toEqual(["anonymous", "default"]);
  });
});
