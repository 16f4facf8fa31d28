import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { letPass } from "../../support/let-pass.ts";
import { RoomClient } from "../support/room-client.ts";
import { roomWorld, type Behaviour } from "../support/room-world.ts";

/*
 * Whatever happens to comets, clients and the room, and whenever: what a client gets is exactly
 * what was pushed after its place, in order, or it is told that it can't be had, and that only
 * where it is too old or too much. `RoomClient` throws where it isn't so.
 */

const COMETS = ["shard-0", "shard-1", "sub-0"] as const;
const CLIENTS_PER_COMET = 2;

type Step =
  | { readonly kind: "push"; readonly messages: number }
  | { readonly kind: "join" | "leave"; readonly client: number }
  | {
      readonly kind: "comet";
      readonly comet: number;
      readonly behaviour: Behaviour;
      readonly latencyMs: number;
    }
  | { readonly kind: "comet dies"; readonly comet: number }
  | { readonly kind: "room restarts" | "minutes pass" }
  | { readonly kind: "pass"; readonly ms: number };

const client = fc.nat(COMETS.length * CLIENTS_PER_COMET - 1);
const comet = fc.nat(COMETS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("push" as const), messages: fc.integer({ min: 1, max: 45 }) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("join" as const), client }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("leave" as const), client }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("comet" as const),
      comet,
      behaviour: fc.constantFrom("well" as const, "well" as const, "hangs" as const, "fails" as const),
      latencyMs: fc.constantFrom(1, 30, 300),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("comet dies" as const), comet }) },
  { weight: 1, arbitrary: fc.constant({ kind: "room restarts" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "minutes pass" as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(5, 20, 110, 400) }),
  },
);

function setUp() {
  const world = roomWorld();
  const broken: unknown[] = [];
  const clients = COMETS.flatMap((name) =>
    Array.from({ length: CLIENTS_PER_COMET }, () => new RoomClient(world, name)),
  );
  const ofComet = (index: number) => clients.filter((_, at) => Math.floor(at / CLIENTS_PER_COMET) === index);
  COMETS.forEach((name, index) => {
    world.comet(name).take = (epoch, messages) => {
      try {
        for (const one of ofComet(index)) one.receive(epoch, messages);
      } catch (error) {
        // To the room it would be one more comet that fails.
        broken.push(error);
      }
    };
  });
  return { world, clients, ofComet, broken };
}

async function run(steps: readonly Step[]): Promise<void> {
  const { world, clients, ofComet, broken } = setUp();
  let pushed = 0;
  const push = (messages: number): void => {
    for (let index = 0; index < messages; index += 1)
      void world.push(`message ${(pushed += 1)}`).catch(() => undefined);
  };
  for (const one of steps) {
    if (one.kind === "push") push(one.messages);
    if (one.kind === "join" && clients[one.client]?.isOut === true) clients[one.client]?.join();
    if (one.kind === "leave") clients[one.client]?.leave(true);
    if (one.kind === "comet") Object.assign(world.comet(COMETS[one.comet] ?? ""), one);
    if (one.kind === "comet dies") for (const cut of ofComet(one.comet)) cut.leave(false);
    if (one.kind === "room restarts") world.restart();
    if (one.kind === "minutes pass") world.time.turn(5 * 60_000 + 1);
    void world.ring();
    await letPass(world.time, one.kind === "pass" ? one.ms : 0);
    expect(broken).toEqual([]);
  }
  // All are well again, and one more message shows who lacks one.
  for (const name of COMETS) Object.assign(world.comet(name), { behaviour: "well", latencyMs: 1 });
  await letPass(world.time, 6_000);
  push(1);
  await letPass(world.time, 2_000);
  const { place } = world.room.members("sub-9", 0, undefined);
  const inside = clients.filter(({ isOut }) => !isOut);
  for (const one of inside) expect(one.place).toEqual(place);
  await letPass(world.time, 10_000);
  const online = world.room.online();
  await letPass(world.time, 10);
  expect(await online).toBe(inside.length);
  expect(broken).toEqual([]);
  world.time.turn(5_000);
  expect(world.time.next()).toBeNull();
}

describe("a room's client", () => {
  it("gets exactly what it missed, or is told that it can't, whatever happens", async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), run), { numRuns: 500 });
  });
});
