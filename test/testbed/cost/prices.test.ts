import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { PROJECT_ROOT } from "../../../scripts/runtime/project-root.ts";
import { METER_NAMES } from "../../../testbed/cost/usage.ts";

const date = z.iso.date();
const priceSchema = z.strictObject({
  dollars: z.number().positive(),
  per: z.union([z.literal(1), z.literal(1_000_000)]),
  asOf: date,
  from: date.optional(),
  until: date.optional(),
  publishedAt: z.url().startsWith("https://developers.cloudflare.com/"),
  counts: z.string().min(1),
});
const priceElsewhereSchema = priceSchema.extend({
  per: z.union([z.literal(1), z.literal(100_000)]),
  publishedAt: z.url().startsWith("https://upstash.com/"),
});

describe("bench/prices.json", () => {
  const { prices, elsewhere } = z
    .object({
      prices: z.record(z.string(), priceSchema),
      elsewhere: z.record(z.string(), priceElsewhereSchema),
    })
    .parse(JSON.parse(readFileSync(`${PROJECT_ROOT}bench/prices.json`, "utf8")));

  it("has a price for each meter, with its date and where it is published", () => {
    expect(Object.keys(prices)).toEqual([...METER_NAMES]);
  });

  it("has likewise the prices of what is sold elsewhere", () => {
    expect(Object.keys(elsewhere)).toEqual(["upstashCommands", "upstashGigabytes", "qstashMessages"]);
  });

  it("has the price of logs for every day, and two on none", () => {
    expect(prices["logEvents"]?.until).toBe(prices["observedGigabytes"]?.from);
    expect(prices["spans"]?.until).toBe(prices["observedGigabytes"]?.from);
  });
});
