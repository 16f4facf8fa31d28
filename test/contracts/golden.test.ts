import { describe, expect, it } from "vitest";
import { callContextSchema } from "../../src/contracts/call-context.ts";
import { readGatewayContext, writeGatewayContext } from "../../src/contracts/gateway-context.ts";
import { isPlainContext } from "../../src/contracts/plain-context.ts";
import { readGoldenRecords } from "../fixtures/golden/golden-records.ts";

const records = readGoldenRecords();
const contexts = records
  .filter((record) => record.kind === "call")
  .flatMap(({ args }) => args.slice(0, 1))
  .filter((arg) => typeof arg === "object" && arg !== null && "requestId" in arg);
const requests = records.filter((record) => record.kind === "request");

describe("a call's context of the release before", () => {
  it("is read member by member, without asking the schema", () => {
    expect(contexts.length).toBeGreaterThan(100);
    for (const context of contexts) {
      expect(isPlainContext(context)).toBe(true);
      expect(callContextSchema.parse(context)).toMatchObject(context);
    }
  });

  it("may say what this one doesn't know", () => {
    const later = { ...(contexts[0] as object), cellOfTomorrow: "mars" };
    expect(isPlainContext(later)).toBe(true);
    expect(callContextSchema.parse(later)).toEqual(contexts[0]);
  });
});

describe("what a gateway of the release before says of a request", () => {
  it("is read member by member", () => {
    expect(requests.length).toBeGreaterThan(50);
    for (const { headers } of requests) {
      const said = JSON.parse(headers["x-context"] ?? "{}") as object;
      expect(readGatewayContext(new Headers(headers))).toMatchObject(said);
    }
  });

  it("is what this one says, and perhaps more: a BFF of that release finds all that it reads", () => {
    const said = requests.flatMap(({ headers }) => headers["x-context"] ?? []);
    expect(said.length).toBeGreaterThan(50);
    for (const text of said) {
      const now = writeGatewayContext(readGatewayContext(new Headers({ "x-context": text })));
      expect(JSON.parse(now)).toMatchObject(JSON.parse(text) as object);
    }
  });

  it("may have a member that nobody here knows", () => {
    const [text = "nothing was said"] = requests.flatMap(({ headers }) => headers["x-context"] ?? []);
    const later = JSON.stringify({ ...(JSON.parse(text) as object), ofTomorrow: { deep: [1] } });
    expect(readGatewayContext(new Headers({ "x-context": later }))).toEqual(
      readGatewayContext(new Headers({ "x-context": text })),
    );
  });
});
