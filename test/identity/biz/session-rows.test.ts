import { describe, expect, it } from "vitest";
import { RefreshWorld } from "../support/refresh-world.ts";

/*
 * What sessions leave in the database: used tokens were kept for thirty days, some 60 KB a daily
 * user. A release is held to thirty days of it (`npm run test:sessions`), which take a minute.
 */

const SESSIONS = 100;
const DAYS = Number(process.env["SESSION_ROWS_DAYS"] ?? 1);
const EVERY_MS = 600_000;

describe("a hundred sessions", () => {
  it(`refreshed every ten minutes for ${DAYS} days leave a hundred rows`, async () => {
    const world = new RefreshWorld();
    const isolate = world.isolate();
    const tokens: string[] = [];
    for (let number = 0; number < SESSIONS; number += 1) tokens.push(await world.open(isolate));
    for (let ms = 0; ms < DAYS * 86_400_000; ms += EVERY_MS) {
      world.clock.turn(EVERY_MS);
      for (const [index, token] of tokens.entries())
        tokens[index] = (await isolate.refresh(token)).refreshToken;
    }
    const count = (table: string) => world.db.statement(`SELECT count(*) AS n FROM ${table}`).get()?.["n"];
    expect([count("session"), count("refresh_token")]).toEqual([SESSIONS, 0]);
    const bytes = world.db
      .statement(
        "SELECT sum(pgsize - unused) AS bytes FROM dbstat WHERE name GLOB '*session*' AND name NOT GLOB 'refresh_token*'",
      )
      .get()?.["bytes"];
    const bytesEach = Math.round(Number(bytes) / SESSIONS);
    console.log(`${bytesEach} bytes a session, its indexes included, after ${DAYS} days`);
    expect(bytesEach).toBeLessThan(600);
  }, 600_000);
});
