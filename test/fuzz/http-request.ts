import type { RawRequest } from "./raw-exchange.ts";
import type { RouteSample } from "./route-samples.ts";
import {
  bent,
  chance,
  integer,
  oddAuthorization,
  oddBody,
  oddHeader,
  oddHost,
  oddMethod,
  oddQuery,
  oddSegment,
  oddType,
  pick,
  type Random,
} from "./odd-values.ts";

/** What a request is made of, before it is bytes. */
interface Draft {
  method: string;
  host: string;
  path: string;
  query: string;
  body: Buffer | null;
  type: string | null;
  authorization: string | null;
  readonly headers: (readonly [name: string, value: string])[];
}

/** In which way a request is odd. Each is as likely as it stands here. */
const BENDS = [
  "body",
  "body",
  "body",
  "garbage",
  "query",
  "query",
  "path",
  "id",
  "header",
  "header",
  "method",
  "host",
  "type",
  "token",
] as const;
type Bend = (typeof BENDS)[number];

const HAS_ID = /[0-9a-f]{8}-[0-9a-f-]{27}/;

/** The sample's request as it is meant to be. */
export function plainRequest(sample: RouteSample): RawRequest {
  return bytesOf(draftOf(sample), () => 0.5);
}

/**
 * A request that is like the sample's, but for up to three oddities, and sent in a way that dice
 * choose.
 */
export function oddRequest(sample: RouteSample, random: Random): RawRequest {
  const draft = draftOf(sample);
  const oddities = pick(random, [0, 1, 1, 1, 2, 3]);
  for (let count = 0; count < oddities; count += 1) bend(draft, sample, pick(random, BENDS), random);
  if (oddities === 0 && sample.isGrave) bend(draft, sample, "garbage", random);
  return bytesOf(draft, random);
}

function draftOf({ method, path, query, body, headers, token }: RouteSample): Draft {
  return {
    method,
    host: "localhost",
    path,
    query,
    body: body === undefined ? null : Buffer.from(JSON.stringify(body)),
    type: body === undefined ? null : "application/json",
    authorization: token === null ? null : `Bearer ${token}`,
    headers: Object.entries(headers),
  };
}

function bend(draft: Draft, sample: RouteSample, how: Bend, random: Random): void {
  switch (how) {
    case "body":
      // A grave one with half a body could do what nobody has ordered.
      if (sample.body !== undefined && !sample.isGrave)
        draft.body = Buffer.from(JSON.stringify(bent(sample.body, random)) ?? "");
      break;
    case "garbage":
      draft.body = oddBody(random);
      draft.type ??= "application/json";
      break;
    case "query":
      draft.query = chance(random, 0.5) ? oddQuery(random) : `${draft.query}&${oddQuery(random)}`;
      break;
    case "path":
      draft.path = bentPath(draft.path, random);
      break;
    case "id":
      draft.path = draft.path.replace(HAS_ID, oddSegment(random));
      break;
    case "header":
      draft.headers.push(oddHeader(random));
      break;
    case "method":
      draft.method = oddMethod(random);
      break;
    case "host":
      draft.host = oddHost(random);
      break;
    case "type":
      draft.type = oddType(random);
      break;
    case "token":
      draft.authorization = chance(random, 0.3) ? null : oddAuthorization(random);
      break;
  }
}

function bentPath(path: string, random: Random): string {
  const segments = path.split("/");
  const at = 1 + integer(random, segments.length - 1);
  const kind = integer(random, 5);
  if (kind === 0) return `${path}/`;
  if (kind === 1) return path.replaceAll("/", "//");
  if (kind === 2)
    return segments.map((segment, index) => (index === at ? segment.toUpperCase() : segment)).join("/");
  if (kind === 3) return segments.toSpliced(at, 0, oddSegment(random)).join("/");
  return segments.map((segment, index) => (index === at ? oddSegment(random) : segment)).join("/");
}

/**
 * Some bodies say their length, some come in chunks of any size, some of those are none; a few
 * break off.
 */
function bytesOf(
  { method, host, path, query, body, type, authorization, headers }: Draft,
  random: Random,
): RawRequest {
  const lines = [
    `${method} ${path}${query === "" ? "" : `?${query}`} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: close",
  ];
  if (type !== null) lines.push(`Content-Type: ${type}`);
  if (authorization !== null) lines.push(`Authorization: ${authorization}`);
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const isChunked = body !== null && chance(random, 0.3);
  if (isChunked) lines.push("Transfer-Encoding: chunked");
  else if (body !== null) lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (body === null) return { pieces: [head], breaksOff: false };
  const whole = isChunked ? chunked(body, random) : [body];
  const breaksOff = body.length > 1 && chance(random, 0.03);
  const sent = breaksOff
    ? whole.map((piece, index) => (index === whole.length - 1 ? piece.subarray(0, piece.length / 2) : piece))
    : whole;
  return { pieces: chance(random, 0.5) ? [Buffer.concat([head, ...sent])] : [head, ...sent], breaksOff };
}

function chunked(body: Buffer, random: Random): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const size = 1 + integer(random, Math.max(1, Math.min(body.length, 40_000)));
    const chunk = body.subarray(at, at + size);
    pieces.push(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]));
    at += size;
  }
  // What follows a size that is none is nothing that anybody could read.
  pieces.push(Buffer.from(chance(random, 0.04) ? "zz\r\n\r\n" : "0\r\n\r\n"));
  return pieces;
}
