import { describe, expect, it } from "vitest";
import { tellWait, waitOf } from "../../../src/platform/http/wait-on-purpose.ts";

describe("an answer that has waited on purpose", () => {
  it.each([1, 112, 400])("says so, and it is understood: %i ms", (ms) => {
    expect(waitOf(tellWait(Response.json({}), ms))).toBe(ms);
  });

  it("says nothing where it hasn't", () => {
    const answer = tellWait(Response.json({}), 0);
    expect([answer.headers.has("server-timing"), waitOf(answer)]).toEqual([false, 0]);
  });

  it.each(["", "db;dur=5", "commit;dur=-5", "commit;dur=1e9", "commit;dur=99999999", "commit"])(
    "is not made out where something else is said: %j",
    (said) => {
      expect(waitOf(new Response(null, { headers: { "server-timing": said } }))).toBe(0);
    },
  );
});
