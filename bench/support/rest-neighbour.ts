import { Redis } from "@upstash/redis";

/*
 * node bench/support/rest-neighbour.ts <url> <length>: writes and reads a value of that length over
 * the front, for ever. Started and ended by the benchmark.
 */

const [, , url = "", length = "0"] = process.argv;
const client = new Redis({
  url,
  token: process.env["REDIS_REST_TOKEN"] ?? "",
  automaticDeserialization: false,
});
const value = "x".repeat(Number(length));
for (;;) {
  await client.set("large", value);
  await client.get("large");
}
