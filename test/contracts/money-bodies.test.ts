import { describe, expect, it } from "vitest";
import { hintsOf } from "../../src/contracts/errors.ts";
import { depositSchema, noOrderSchema, transferSchema } from "../../src/contracts/ledger.ts";
import {
  accountStateSchema,
  parkSchema,
  redriveLettersSchema,
  redriveSchema,
} from "../../src/contracts/ledger-operators.ts";
import { readJson, readOptionalJson, validate } from "../../src/platform/validate.ts";

const ID = "01a21486-057d-7712-8c88-9a37a665137b";

const message = "is not known here";

function refused(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return hintsOf(error).errors;
  }
}

describe("a body that moves money, or keeps it from moving", () => {
  it.each([
    ["a transfer", transferSchema, { from: "wallet", to: "savings", amount: 1 }],
    ["a deposit", depositSchema, { amount: 1 }],
    ["a reversal or a refund", noOrderSchema, {}],
    ["an order to park", parkSchema, { ledger: "wallet", ids: [ID] }],
    ["a redrive", redriveSchema, { ledger: "wallet", ids: [ID] }],
    ["a redrive of dead letters", redriveLettersSchema, { ledger: "wallet", ids: ["letter"] }],
    ["the state of an account", accountStateSchema, { state: "frozen" }],
  ])("names each member that nobody knows: %s", (_name, schema, body) => {
    expect(validate(schema, body)).toEqual(body);
    const inherited = JSON.parse(
      JSON.stringify(body).replace("{", '{"__proto__":{"amount":9},').replace(",}", "}"),
    ) as unknown;
    expect(refused(() => validate(schema, inherited))).toEqual([{ path: "__proto__", message }]);
    expect(refused(() => validate(schema, { ...body, amuont: 5, dryrun: true }))).toEqual([
      { path: "amuont", message },
      { path: "dryrun", message },
    ]);
  });

  it("is not answered with as many faults as it has members", () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`member-${index}`, 1]));
    expect(refused(() => validate(depositSchema, { amount: 1, ...many }))).toHaveLength(20);
  });

  it("is told where it says too much also where it should say nothing", async () => {
    const post = (body: string | null): Request =>
      new Request("https://bff.internal/", { method: "POST", body });
    expect(await readOptionalJson(post(null), noOrderSchema)).toEqual({});
    await expect(readOptionalJson(post('{"amount":50}'), noOrderSchema)).rejects.toMatchObject({
      errors: [{ path: "amount" }],
    });
    await expect(readJson(post('{"amount":50,"note":"x"}'), depositSchema)).rejects.toMatchObject({
      errors: [{ path: "note" }],
    });
  });
});
