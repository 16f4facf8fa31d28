import { CLOSE_CODES, REALTIME_OPS } from "../../../src/contracts/realtime.ts";
import { joined, jsonPacket, packet } from "../../../src/realtime/biz/packets.ts";
import { GOIM_OPS } from "../../../src/protocol/goim-packet.ts";
import { Dice } from "../../protocol/support/dice.ts";
import { anyPieces, anyStream, memoryOf } from "../../protocol/support/fuzz-stream.ts";
import { latin1 } from "../../protocol/support/pieces.ts";
import { userOf, type CometWorld } from "./comet-world.ts";
import type { Received } from "./fake-socket.ts";
import { endBefore, reference, type FuzzedPackets } from "./fuzz-packets.ts";

const CODES: ReadonlySet<number> = new Set(Object.values(CLOSE_CODES));
const FAULTS = { malformed: CLOSE_CODES.malformed, tooLong: CLOSE_CODES.tooLong };
/** What nobody has asked for: pushes of ours to our own clients. */
const UNASKED: ReadonlySet<number> = new Set([
  REALTIME_OPS.changed,
  REALTIME_OPS.devices,
  REALTIME_OPS.roomPlace,
]);
const OWN_OPS: ReadonlySet<number> = new Set([REALTIME_OPS.report, REALTIME_OPS.command]);
const ECHOED = new Map<number, number>([
  [GOIM_OPS.changeRoomReply, GOIM_OPS.changeRoom],
  [GOIM_OPS.subscribeReply, GOIM_OPS.subscribe],
  [GOIM_OPS.unsubscribeReply, GOIM_OPS.unsubscribe],
]);
const BODIES = [
  "",
  "live://1",
  "live://",
  "1000,1001",
  "1,,2",
  "{",
  "null",
  '{"reports":[{"kind":"video","itemId":"a","positionMs":1}]}',
  '{"reports":[{}]}',
  '{"to":"tv","command":"pause"}',
  '{"to":"nobody","command":"dance"}',
];
const AUTHS = [
  {},
  { key: "k" },
  { key: "k", room_id: "live://1", accepts: [1000] },
  { device: { id: "tv" }, since: "1f" },
  { since: "no cursor" },
  { accepts: ["1000"] },
  { token: "a.b.c" },
];
/** More than a socket may send at once. */
const FLOOD = 30;
const OPS = [2, 4, 7, 9, 12, 14, 16, 1_000, 2_001, 2_002, 2_005];

/**
 * A random or mutated stream of packets, most of them after a sign-in, in random pieces into a
 * comet that lives on: nothing is thrown; a malformed packet closes its socket with its code; the
 * answers are whole packets, each to one that was sent, with nothing in it that wasn't; and
 * nothing stays behind.
 */
export async function fuzzComet(seed: number, world: CometWorld): Promise<FuzzedPackets> {
  const dice = new Dice(seed);
  const { title, stream } = anyStream(dice, { frame: () => anyPacket(dice) });
  const flood = Array.from({ length: dice.chance(0.03) ? FLOOD : 0 }, () => anyPacket(dice));
  const whole = joined([...(dice.chance(0.9) ? [anySignIn(dice)] : []), ...flood, stream]);
  const pieces = anyPieces(dice, whole);
  const memory = memoryOf(pieces);
  const socket = world.connect(
    dice.pick([
      { door: "own", user: userOf("ada") } as const,
      { door: "goim", user: userOf("bob") } as const,
      { door: "goim", isTcp: dice.chance(0.5) } as const,
    ]),
  );
  const failuresBefore = world.failures.length;
  const seen = [`a stream of ${title}`];
  const wrong = (what: string): FuzzedPackets => ({ failure: `seed ${seed}, ${title}: ${what}`, seen });
  try {
    for (const piece of pieces) {
      world.comet.message(socket, piece);
      if (dice.chance(0.05)) await world.settle();
      world.time.turn(dice.pick([0, 1, 60]));
    }
    world.time.turn(1_000);
    await world.settle();
    const answers = socket.received();
    const code = socket.closed?.code ?? null;
    seen.push(`closed with ${code}`, ...answers.map(({ op }) => `op ${op}`));
    world.hangUp(socket);
    await world.settle();
    const found =
      failureOfClose(code, whole, pieces) ??
      failureOfAnswers(answers, whole) ??
      (world.failures.length > failuresBefore ? `failed: ${world.failures.at(-1)}` : null) ??
      (world.comet.online().sockets > 0 ? "left a socket behind" : null) ??
      (memoryOf(pieces) === memory ? null : "wrote into a piece's memory");
    return found === null ? { failure: null, seen } : wrong(found);
  } catch (error) {
    return wrong(`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

function failureOfClose(
  code: number | null,
  stream: Uint8Array,
  pieces: readonly Uint8Array[],
): string | null {
  if (code !== null && !CODES.has(code)) return `closed with ${code}, which is no code of ours`;
  const { fault, seenAt } = reference(stream);
  if (fault === null) return code === FAULTS.tooLong ? "closed for a length that no packet had" : null;
  if (code === null) return `left open after a ${fault} packet`;
  // What came before may have closed it; in the first piece nothing could.
  if (endBefore(pieces, seenAt) === 0 && code !== FAULTS[fault])
    return `closed with ${code} and not for ${fault}`;
  return null;
}

/** Each answer has the number and the body that one packet gave it. */
function failureOfAnswers(answers: readonly Received[], stream: Uint8Array): string | null {
  const asked = reference(stream).packets.map(({ bytes }) => packetIn(bytes));
  for (const { op, seq, ver, body } of answers) {
    if (UNASKED.has(op) && seq === 0) continue;
    const askedOp =
      ECHOED.get(op) ??
      new Map([
        [3, 2],
        [8, 7],
      ]).get(op) ??
      op;
    // goim's ops are answered in their version, ours have one.
    const isVer = (sent: number) => sent === ver || (OWN_OPS.has(op) && ver === 1);
    const numbered = asked.filter((one) => one.seq === seq && isVer(one.ver));
    // Whatever has no meaning from a client is acked, an op that is an answer included.
    if (body === "" && numbered.some((one) => one.op === op)) continue;
    const to = numbered.filter((one) => one.op === askedOp);
    if (to.length === 0) return `answered op ${op} of seq ${seq}, which nobody has sent`;
    if (ECHOED.has(op) && !to.some((one) => one.body === body)) return `echoed ${JSON.stringify(body)}`;
    if (op === GOIM_OPS.heartbeatReply && body.length !== 4) return `answered ${body.length} bytes to op 2`;
    const isEmpty = body === "";
    const mayTell = ECHOED.has(op) || op === GOIM_OPS.heartbeatReply || OWN_OPS.has(op);
    if (!isEmpty && !mayTell) return `answered op ${op} with ${JSON.stringify(body)}`;
  }
  return null;
}

function packetIn(bytes: string) {
  const buffer = Buffer.from(bytes.slice(1, -1), "hex");
  return {
    ver: buffer.readInt16BE(6),
    op: buffer.readInt32BE(8),
    seq: buffer.readInt32BE(12),
    body: buffer.subarray(16).toString(),
  };
}

function anySignIn(dice: Dice): Uint8Array {
  return jsonPacket(GOIM_OPS.auth, dice.between(-3, 3), dice.pick(AUTHS));
}

function anyPacket(dice: Dice): Uint8Array {
  const body = dice.chance(0.8) ? latin1(dice.pick(BODIES)) : dice.bytes(dice.between(0, 30));
  const op = dice.chance(0.9) ? dice.pick(OPS) : dice.between(-(2 ** 31), 2 ** 31 - 1);
  return packet(op, dice.between(-(2 ** 31), 2 ** 31 - 1), body, dice.between(-2, 2));
}
