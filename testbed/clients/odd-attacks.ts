import { connect } from "node:net";
import { from, type Attack, type RunningAttack, type Target } from "./attacks.ts";

/**
 * One request of an attacker's, as bytes, and when its connection is cut as that of a killed client
 * is.
 */
interface Shot {
  readonly bytes: string;
  readonly hangsUpAfterMs: number;
  /** What comes later, and when. */
  readonly rest?: { readonly bytes: string; readonly afterMs: number };
}

const JSON_TYPE = { "Content-Type": "application/json" };

function head(line: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ Host: "localhost", ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function slowBody({ attacker }: Target, index: number): Shot {
  const isSignedIn = index % 2 === 0;
  const who = isSignedIn ? { Authorization: `Bearer ${attacker.token}` } : {};
  const headers = { ...JSON_TYPE, ...who, ...from(`198.18.0.${index % 250}`) };
  const line = `POST ${isSignedIn ? "/v1/history/reports" : "/v1/account/refresh"}`;
  if (index % 4 < 2) {
    return {
      bytes: `${head(line, { ...headers, "Content-Length": "20" })}{`,
      hangsUpAfterMs: 3_000,
      rest: { bytes: "}", afterMs: 2_000 },
    };
  }
  return {
    bytes: `${head(line, { ...headers, "Transfer-Encoding": "chunked" })}1\r\n{\r\n`,
    hangsUpAfterMs: 3_000,
  };
}

function hangUp({ attacker }: Target, index: number): Shot {
  // One account is soon refused by its own limit; nobody, from an address at a time, is not.
  if (index % 2 === 0) {
    return {
      bytes: head("GET /v1/home", {
        Authorization: `Bearer ${attacker.token}`,
        ...from(`198.18.1.${index % 250}`),
      }),
      hangsUpAfterMs: 1,
    };
  }
  const body = JSON.stringify({ refreshToken: "r".repeat(43) });
  const headers = { ...JSON_TYPE, ...from(`198.18.1.${index % 250}`), "Content-Length": String(body.length) };
  return { bytes: head("POST /v1/account/refresh", headers) + body, hangsUpAfterMs: 1 + (index % 8) };
}

function oddHost(_target: Target, index: number): Shot {
  const host = index % 2 === 0 ? "a b" : "[::1";
  const headers = { ...JSON_TYPE, Host: host, ...from(`198.18.3.${index % 250}`), "Content-Length": "2" };
  return { bytes: `${head("POST /v1/account/refresh", headers)}{}`, hangsUpAfterMs: 500 };
}

const unknownAddress = (_target: Target, index: number): Shot => ({
  bytes: head("GET /v1/history", from(`2001:db8:${index.toString(16)}::1`)),
  hangsUpAfterMs: 500,
});

const readiness = (): Shot => ({ bytes: head("GET /readyz", {}), hangsUpAfterMs: 1_000 });

/** What one account, or nobody, can do to a gateway without a password. */
export const ODD_ATTACKS: readonly Attack[] = [
  { name: "bodies that are sent slowly", start: (target, perSecond) => shoot(target, perSecond, slowBody) },
  { name: "hanging up", start: (target, perSecond) => shoot(target, perSecond, hangUp) },
  { name: "hosts that are none", start: (target, perSecond) => shoot(target, perSecond, oddHost) },
  {
    name: "addresses that nobody knows",
    start: (target, perSecond) => shoot(target, perSecond, unknownAddress),
  },
  { name: "readiness", start: (target, perSecond) => shoot(target, perSecond, readiness) },
];

/** Sends at a fixed rate, whether or not it is answered. */
function shoot(
  target: Target,
  perSecond: number,
  shotOf: (target: Target, index: number) => Shot,
): RunningAttack {
  const statuses: Record<string, number> = {};
  const sent: Promise<void>[] = [];
  const startedAtMs = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAtMs) * perSecond) / 1_000;
    while (sent.length < due) {
      sent.push(
        answerTo(target.url, shotOf(target, sent.length)).then(
          (status) => void (statuses[status] = (statuses[status] ?? 0) + 1),
        ),
      );
    }
  }, 5);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(sent);
      return statuses;
    },
  };
}

/** The status of the answer, once the connection is cut. */
function answerTo(url: string, { bytes, hangsUpAfterMs, rest }: Shot): Promise<string> {
  return new Promise((resolve) => {
    let status = "no answer";
    const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
    socket
      .on("error", () => undefined)
      .on(
        "data",
        (data: Buffer) => (status = /^HTTP\/1\.1 (\d{3})/.exec(data.toString("latin1"))?.[1] ?? status),
      )
      .on("close", () => resolve(status));
    socket.write(bytes);
    if (rest !== undefined) setTimeout(() => socket.writable && socket.write(rest.bytes), rest.afterMs);
    setTimeout(() => void socket.resetAndDestroy(), hangsUpAfterMs);
  });
}
