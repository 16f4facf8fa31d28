import { codecCandidates, lengthField, naive } from "./support/codec-candidates.ts";
import { timePasses } from "./support/codec-passes.ts";
import { chunksOf, codecStream } from "./support/codec-streams.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const ROUND_MS = Number(process.env["BENCH_ROUND_MS"] ?? 60);
const OPTIONS = { rounds: ROUNDS, roundMs: ROUND_MS };
/**
 * Of a packet's body; its header has 16 bytes more, so that frames and chunks never end together
 * for long.
 */
const SMALL = 4;
const LARGE = 4_096;
const BODY_LENGTHS = [SMALL, LARGE, 65_536, 1_048_576];
/** For a longer one the naive decoder would take minutes. */
const NAIVE_BODY_LENGTH_MAX = 65_536;
const CHUNK_LENGTHS = [1, 7, 100, 4_096, 65_536];
const STREAM_LENGTH = 262_144;
/** The naive decoder needs seconds for this much, byte by byte. */
const CUT_STREAM_LENGTH = 131_072;
const CUT_OPTIONS = { rounds: Math.min(3, ROUNDS), roundMs: ROUND_MS };

/**
 * What a frame costs each decoder, and what a byte costs however the stream is cut and however long
 * a frame is.
 */
export async function run(): Promise<void> {
  console.log(
    `CPU on one thread, medians of ${ROUNDS} interleaved rounds of ${ROUND_MS} ms; ratios are to our length field decoder\n`,
  );
  await compare(SMALL, 65_536);
  await compare(LARGE, 65_536);
  await compare(LARGE, 4_096);
  await cut();
}

async function compare(bodyLength: number, chunkLength: number): Promise<void> {
  const stream = codecStream(bodyLength, STREAM_LENGTH);
  const { frameLength, frames } = stream;
  const timings = await timePasses(codecCandidates(stream, chunkLength), { frames, ...OPTIONS });
  console.log(`frames of ${frameLength} bytes in chunks of ${chunkLength}`);
  const rows = timings.map(({ name, ns, ratio }) => {
    const nsPerFrame = ns / frames;
    const figures = {
      "ns/frame": nsPerFrame,
      "million frames/s": 1e3 / nsPerFrame,
      "GB/s": frameLength / nsPerFrame,
      ratio,
    };
    return [
      name,
      Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, Number(value.toPrecision(3))])),
    ];
  });
  console.table(Object.fromEntries(rows));
}

async function cut(): Promise<void> {
  console.log(
    "ns a byte, by the length of chunks (down) and of bodies (across); in brackets what the naive decoder takes, as a multiple",
  );
  const rows: Record<string, Record<string, string>> = {};
  for (const chunkLength of CHUNK_LENGTHS) {
    const row: Record<string, string> = {};
    for (const bodyLength of BODY_LENGTHS) row[bodyLength] = await nsPerByte(bodyLength, chunkLength);
    rows[chunkLength] = row;
  }
  console.table(rows);
}

async function nsPerByte(bodyLength: number, chunkLength: number): Promise<string> {
  const { bytes, frames, frameLength } = codecStream(bodyLength, CUT_STREAM_LENGTH);
  const chunks = chunksOf(bytes, chunkLength);
  const passes = [
    lengthField(frameLength, chunks),
    ...(bodyLength > NAIVE_BODY_LENGTH_MAX ? [] : [naive(chunks)]),
  ];
  const [ours, other] = await timePasses(passes, { frames, ...CUT_OPTIONS });
  const ratio = other === undefined ? "" : ` (× ${Number(other.ratio.toPrecision(2))})`;
  return `${Number(((ours?.ns ?? Number.NaN) / bytes.length).toPrecision(2))}${ratio}`;
}
