import fc from "fast-check";
import { expect, it } from "vitest";
import { continueQuerySchema, listQuerySchema } from "../../src/contracts/history.ts";
import { readQuery } from "../../src/platform/validate.ts";

const url = (query: string): string => `http://bff/v1/history${query}`;

it("a query that was read before is read as it was the first time, by its own schema", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.stringMatching(/^[a-z]{1,16}$/), (limit, kind) => {
      const query = url(`?limit=${limit}&kind=${kind}`);
      for (let time = 0; time < 3; time += 1) {
        expect(readQuery(query, listQuerySchema)).toEqual({ limit, kind });
        expect(readQuery(query, continueQuerySchema)).toEqual({ limit });
      }
    }),
    { numRuns: 1_000 },
  );
  expect(readQuery(url(""), continueQuerySchema)).toEqual({ limit: 20 });
});

it("a query that is not valid is refused each time", () => {
  for (let time = 0; time < 3; time += 1)
    expect(() => readQuery(url("?limit=0"), continueQuerySchema)).toThrow("Some values are not valid");
});

it("nobody can change what the next client's query has come to", () => {
  const read = readQuery(url("?limit=7"), continueQuerySchema) as { limit: number };
  expect(() => {
    read.limit = 8;
  }).toThrow(TypeError);
  expect(readQuery(url("?limit=7"), continueQuerySchema)).toEqual({ limit: 7 });
});
