import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/contracts/errors.ts";
import { PasswordCheck } from "../../../src/identity/biz/password-check.ts";
import type { FailureCount } from "../../../src/identity/biz/ports.ts";
import { CountingHasher } from "../support/plain-parts.ts";

/** A lane and a count that write down what happens to them, in order. */
function checkWith({ laneRefuses = false, denial = null as "known" | "asked" | "down" | null } = {}) {
  const events: string[] = [];
  const hasher = new CountingHasher();
  const passwords = new PasswordCheck({
    hasher,
    lane: {
      run: async (owner, work) => {
        if (laneRefuses) throw new CodedError("OVERLOADED", "full");
        events.push(`${owner}'s turn`);
        try {
          return await work();
        } finally {
          events.push("place given back");
        }
      },
    },
  });
  const refuse = () => {
    throw new CodedError(denial === "down" ? "UNAVAILABLE" : "RATE_LIMITED", "no");
  };
  const count: FailureCount = {
    refuseKnown: () => void (denial === "known" && refuse()),
    begin: async () => {
      if (denial !== null) refuse();
      events.push("counted");
      return { giveBack: async () => void events.push("count given back") };
    },
  };
  const look = (password: string) =>
    passwords.look("ada", count, async (found) =>
      (await found.verify(password, "plain:right")) ? "in" : null,
    );
  return { events, hasher, passwords, count, look };
}

describe("a look at a password", () => {
  it("is counted when its turn has come and before it is looked at; wrong, it stays counted", async () => {
    const { events, look, hasher } = checkWith();
    expect(await look("wrong")).toBeNull();
    expect(events).toEqual(["ada's turn", "counted", "place given back"]);
    expect(hasher.derivations).toBe(1);
  });

  it("that was right is given back before its place is, so that no more count at a time than have places", async () => {
    const { events, look } = checkWith();
    expect(await look("right")).toBe("in");
    expect(events).toEqual(["ada's turn", "counted", "count given back", "place given back"]);
  });

  it("that a failure of ours has cut short is given back, and the failure is told", async () => {
    const { events, passwords, count } = checkWith();
    const failing = passwords.look("ada", count, () => Promise.reject(new TypeError("the hasher is ill")));
    await expect(failing).rejects.toThrow("the hasher is ill");
    expect(events).toContain("count given back");
  });

  it("that was refused by the lane is not counted", async () => {
    const { events, look, hasher } = checkWith({ laneRefuses: true });
    await expect(look("right")).rejects.toMatchObject({ code: "OVERLOADED" });
    expect([events, hasher.derivations]).toEqual([[], 0]);
  });

  it("that is known to be one too many takes no place", async () => {
    const { events, look } = checkWith({ denial: "known" });
    await expect(look("right")).rejects.toMatchObject({ code: "RATE_LIMITED" });
    expect(events).toEqual([]);
  });

  it.each(["asked", "down"] as const)("that can't be counted (%s) makes no hash", async (denial) => {
    const { look, hasher } = checkWith({ denial });
    await expect(look("right")).rejects.toMatchObject({
      code: denial === "down" ? "UNAVAILABLE" : "RATE_LIMITED",
    });
    expect(hasher.derivations).toBe(0);
  });
});

it("a new password is hashed in its owner's turn", async () => {
  const { events, passwords } = checkWith();
  expect(await passwords.hash("ada", "new")).toBe("plain:new");
  expect(events).toEqual(["ada's turn", "place given back"]);
});
