import { describe, expect, it } from "vitest";
import { PacketStream } from "../../src/realtime/biz/packet-stream.ts";
import { cometWorld } from "./support/comet-world.ts";
import { fuzzComet } from "./support/fuzz-comet.ts";
import { fuzzPackets, type FuzzedPackets } from "./support/fuzz-packets.ts";

/** A million in npm run test:long. */
const STREAMS = Number(process.env["FUZZ_STREAMS"] ?? 20_000);
/** A comet is dearer than a reader. */
const STREAMS_OF_COMET = STREAMS / 10;
const STREAMS_PER_COMET = 50;
const SEEN = ["random bytes", "small numbers", "frames", "mutated frames"].map(
  (kind) => `a stream of ${kind}`,
);

describe("random and mutated streams of packets", () => {
  it(`are read as the plainest reader does, or refused (${STREAMS} of them)`, { timeout: 600_000 }, () => {
    const tally = new Tally();
    for (let seed = 1; seed <= STREAMS; seed += 1) tally.add(fuzzPackets(seed));
    expect(tally.failures).toEqual([]);
    expect(tally.missing([...SEEN, "a packet", "malformed", "tooLong", "no fault"])).toEqual([]);
  });

  it(
    `are read as packets by a comet, or refused by it, and answered with nothing else (${STREAMS_OF_COMET} of them)`,
    { timeout: 600_000 },
    async () => {
      const tally = new Tally();
      let world = cometWorld();
      for (let seed = 1; seed <= STREAMS_OF_COMET; seed += 1) {
        if (seed % STREAMS_PER_COMET === 0) world = cometWorld();
        tally.add(await fuzzComet(seed, world));
      }
      expect(tally.failures).toEqual([]);
      const closes = ["null", 1_002, 1_009, 4_401, 4_422, 4_429].map((code) => `closed with ${code}`);
      const ops = [3, 4, 8, 13, 15, 17, 2_001, 2_004, 2_005, 2_007].map((op) => `op ${op}`);
      expect(tally.missing([...SEEN, ...closes, ...ops])).toEqual([]);
    },
  );

  it.each<[string, (stream: PacketStream, piece: Uint8Array) => ReturnType<PacketStream["take"]>, string]>([
    ["reads past a piece", (stream, piece) => stream.take(new Uint8Array(piece.buffer)), "after"],
    ["loses a byte", (stream, piece) => stream.take(piece.subarray(0, -1)), "gave "],
    [
      "takes what is malformed",
      (stream, piece) => [stream.take(piece)].filter(Array.isArray).flat(),
      "was []",
    ],
  ])("find a reader that %s", (_, take, found) => {
    class Sabotaged extends PacketStream {
      override take(piece: Uint8Array): ReturnType<PacketStream["take"]> {
        return take(plain, piece);
      }
    }
    let plain = new PacketStream(() => 0);
    const failures = Array.from({ length: 200 }, (_, seed) => {
      plain = new PacketStream(() => 0);
      return fuzzPackets(seed, () => new Sabotaged(() => 0)).failure ?? "";
    });
    expect(failures.filter((failure) => failure.includes(found)).length).toBeGreaterThan(10);
  });
});

/** What a run of streams came to. */
class Tally {
  /** The first few. */
  readonly failures: string[] = [];
  readonly #seen = new Set<string>();

  add({ failure, seen }: FuzzedPackets): void {
    if (failure !== null && this.failures.length < 5) this.failures.push(failure);
    for (const what of seen) this.#seen.add(what);
  }

  /** What should have happened and never did: then the streams are not what they should be. */
  missing(expected: readonly string[]): readonly string[] {
    return expected.filter((what) => !this.#seen.has(what));
  }
}
