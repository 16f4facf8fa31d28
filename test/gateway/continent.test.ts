import { describe, expect, it } from "vitest";
import { readGatewayConfig } from "../../src/gateway/config.ts";
import { readGatewayContext } from "../../src/contracts/gateway-context.ts";
import { ROUTES } from "../../src/gateway/routes.ts";
import { localVars } from "../../scripts/runtime/local-vars.ts";
import { makeSecrets } from "../../scripts/runtime/secrets.ts";
import { GATEWAY, readWorkerConfigs } from "../../scripts/runtime/worker-configs.ts";
import { accessToken } from "../support/workers/ed25519.ts";
import { testGateway } from "../support/workers/test-gateway.ts";

const REGISTER = "/v1/account/register";
const JSON_TYPE = { "content-type": "application/json" };

/** A gateway, and what its BFFs are told of a client whose connection is known to be so. */
async function gatewayWith({ takesContinent = false } = {}) {
  const { send, forwarded, identityKey, clock } = await testGateway(undefined, { takesContinent });
  const authorization = `Bearer ${await accessToken({ key: identityKey, nowMs: clock.now() })}`;
  let looks = 0;
  async function told(path: string, cf: unknown, headers: Record<string, string> = {}, method = "POST") {
    const request = new Request(`https://api.example.com${path}`, {
      method,
      headers: { ...JSON_TYPE, authorization, ...headers },
      ...(method === "GET" || method === "DELETE" ? {} : { body: "{}" }),
    });
    Object.defineProperty(request, "cf", {
      get: () => {
        looks += 1;
        return cf;
      },
    });
    await send(request);
    return readGatewayContext(forwarded.at(-1)?.headers ?? new Headers()).continent;
  }
  return { told, looks: () => looks, forwarded };
}

describe("the continent of a client", () => {
  it("is told with a registration, as the platform knows it, and not at all where it doesn't", async () => {
    const { told } = await gatewayWith();
    expect(await told(REGISTER, { continent: "NA" })).toBe("NA");
    for (const cf of [undefined, null, {}, { continent: "T1" }, { continent: 7 }, { continent: "na" }])
      expect(await told(REGISTER, cf)).toBeNull();
  });

  it("is looked for on no other route: what the runtime builds for it would cost every heartbeat", async () => {
    const { told, looks, forwarded } = await gatewayWith({ takesContinent: true });
    const others = ROUTES.filter(({ path }) => path !== REGISTER);
    for (const { path, methods } of others)
      for (const method of methods)
        expect(
          await told(path, { continent: "NA" }, { "x-test-continent": "NA" }, method),
          `${method} ${path}`,
        ).toBeNull();
    expect(looks()).toBe(0);
    expect(forwarded.length).toBeGreaterThan(10);
    expect(others.filter(({ asksContinent }) => asksContinent)).toEqual([]);
  });

  it("is never the client's own word, unless a var says so", async () => {
    const header = { "x-test-continent": "AS" };
    const { told } = await gatewayWith();
    expect(await told(REGISTER, { continent: "NA" }, header)).toBe("NA");
    expect(await told(REGISTER, undefined, header)).toBeNull();
    const local = await gatewayWith({ takesContinent: true });
    expect(await local.told(REGISTER, { continent: "NA" }, header)).toBe("AS");
    expect(await local.told(REGISTER, undefined, header)).toBe("AS");
    expect(await local.told(REGISTER, { continent: "NA" }, { "x-test-continent": "moon" })).toBe("NA");
  });
});

describe("the var by which clients choose their continent", () => {
  const { GATEWAY_SIGNING_KEY } = makeSecrets();
  const deployed = {
    ...readWorkerConfigs().find(({ name }) => name === GATEWAY)?.config.vars,
    GATEWAY_SIGNING_KEY,
  };

  it("is off as deployed, and a gateway that is no local start's refuses it", () => {
    expect(readGatewayConfig(deployed).TEST_CONTINENT).toBe("off");
    expect(() => readGatewayConfig({ ...deployed, TEST_CONTINENT: "on" })).toThrow(
      /TEST_CONTINENT: may be on in a local start only/,
    );
    expect(() => readGatewayConfig({ ...deployed, TEST_CONTINENT: "maybe" })).toThrow(/must be on or off/);
  });

  it("is on in a local start", () => {
    expect(readGatewayConfig({ ...deployed, ...localVars() }).TEST_CONTINENT).toBe("on");
  });
});
